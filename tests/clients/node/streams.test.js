// Streams as OpenAI's Node client reads them, whole and broken.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { CHAT, Played, client, collect, idle, thrown } from "./lab.js";

const openai = client();
const STREAM = { ...CHAT, stream: true };
const words = (chunks) => chunks.flatMap((chunk) => chunk.choices.map((c) => c.delta.content));

afterEach(idle);

test("a chat is streamed, without usage that nobody asked for", async () => {
  const chunks = await collect(await openai.chat.completions.create(STREAM));

  assert.deepEqual(words(chunks), ["", "Hello", " ", "you", undefined]);
  assert.ok(chunks.every((chunk) => !chunk.usage));
});

test("usage comes to those who asked for it", async () => {
  const stream_options = { include_usage: true };

  const chunks = await collect(await openai.chat.completions.create({ ...STREAM, stream_options }));

  assert.equal(chunks.at(-1).usage.total_tokens, 10);
  assert.deepEqual(chunks.at(-1).choices, []);
});

test("a tool call is streamed in pieces", async () => {
  const tools = [{ type: "function", function: { name: "weather", parameters: {} } }];

  const chunks = await collect(await openai.chat.completions.create({ ...STREAM, tools }));

  const calls = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
  const said = calls.map((call) => call.function.arguments ?? "").join("");
  assert.deepEqual(JSON.parse(said), { city: "Paris" });
});

test("a completion is streamed", async () => {
  const ask = { model: "tiny", prompt: "Go", stream: true };

  const chunks = await collect(await openai.completions.create(ask));

  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), "Hello you");
});

test("a response is streamed from created to completed", async () => {
  const ask = { model: "tiny", input: "Hi", stream: true };

  const events = await collect(await openai.responses.create(ask));

  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");
});

test("comments between the events disturb nobody", async () => {
  const ask = { ...STREAM, ...new Played().play("pings") };

  const chunks = await collect(await openai.chat.completions.create(ask));

  assert.deepEqual(words(chunks), ["", "Hello", " ", "you", undefined]);
});

for (const [play, code, heard] of [
  ["die", "backend_lost", 2],
  ["fin", "backend_lost", 2],
  ["cut", "stream_incomplete", 4],
  ["abort", "stream_incomplete", 3],
  ["error", 500, 2],
  ["stall", "timeout", 2],
]) {
  test(`a stream that breaks (${play}) throws after its last chunk`, async () => {
    const played = new Played();
    const chunks = [];
    const stream = await openai.chat.completions.create({ ...STREAM, ...played.play(play) });

    const error = await thrown(collect(stream, chunks));

    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal(error.code, code);
    assert.equal(chunks.length, heard);
    assert.equal((await played.calls()).length, 1);
  });
}

for (const play of ["die", "cut"]) {
  test(`a response that breaks (${play}) throws too`, async () => {
    const events = [];
    const ask = { model: "tiny", input: "Hi", stream: true, ...new Played().play(play) };
    const stream = await openai.responses.create(ask);

    const error = await thrown(collect(stream, events));

    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal(events.at(-1).type, "response.failed");
  });
}

for (const play of ["drip", "stall"]) {
  test(`aborting a stream (${play}) frees the engine`, async () => {
    const played = new Played();
    const stream = await openai.chat.completions.create({ ...STREAM, ...played.play(play) });
    await stream[Symbol.asyncIterator]().next();
    await sleep(200);
    const before = Date.now();

    stream.controller.abort();

    await played.leftAfter();
    assert.ok(Date.now() - before < 1000);
  });
}

for (const stream of [false, true]) {
  test(`aborting before the first byte frees the engine (stream: ${stream})`, async () => {
    const played = new Played();
    const controller = new AbortController();
    const ask = { ...CHAT, stream, ...played.play("hang") };

    const asked = openai.chat.completions.create(ask, { signal: controller.signal });
    setTimeout(() => controller.abort(), 300);
    const error = await thrown(asked);

    assert.ok(error instanceof OpenAI.APIUserAbortError, String(error));
    assert.ok((await played.leftAfter()) < 3);
  });
}
