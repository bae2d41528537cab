// Every endpoint that OpenAI's Node client knows, answered whole.
import assert from "node:assert/strict";
import { test } from "node:test";
import { toFile } from "openai";
import { CHAT, HI, Played, client } from "./lab.js";

const openai = client();
const TOOL = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

test("models are listed and retrieved", async () => {
  const names = [];
  for await (const model of openai.models.list()) names.push(model.id);

  assert.deepEqual(names, ["tiny", "org/large"]);
  assert.equal((await openai.models.retrieve("org/large")).id, "org/large");
});

test("a chat is answered", async () => {
  const answer = await openai.chat.completions.create(CHAT);

  assert.equal(answer.choices[0].message.content, "Hello you");
  assert.equal(answer.usage.total_tokens, 10);
});

test("a chat calls a tool", async () => {
  const answer = await openai.chat.completions.create({ ...CHAT, tools: [TOOL] });

  const [call] = answer.choices[0].message.tool_calls;
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "Paris" });
});

test("log probabilities come with each choice", async () => {
  const answer = await openai.chat.completions.create({ ...CHAT, n: 2, logprobs: true });

  const told = answer.choices[1].logprobs.content.map((entry) => entry.token);
  assert.deepEqual(told, ["Hello", " ", "you"]);
});

test("a completion is answered", async () => {
  const answer = await openai.completions.create({ model: "tiny", prompt: "Go" });

  assert.equal(answer.choices[0].text, "Hello you");
});

for (const encoding_format of [undefined, "float"]) {
  test(`an embedding is answered, asked for as ${encoding_format}`, async () => {
    const answer = await openai.embeddings.create({ model: "tiny", input: "a", encoding_format });

    assert.deepEqual([...answer.data[0].embedding], [0.5, 0.25, -1]);
  });
}

test("a response is created", async () => {
  const answer = await openai.responses.create({ model: "tiny", input: "Hi" });

  assert.equal(answer.output_text, "Hello you");
});

for (const what of ["transcriptions", "translations"]) {
  test(`speech becomes text: ${what}`, async () => {
    const file = await toFile(Buffer.from("RIFF\0\xff\r\n--", "latin1"), "a.wav");

    const answer = await openai.audio[what].create({ model: "tiny", file });

    assert.equal(answer.text, "Hello you");
  });
}

test("unknown fields reach the engine unchanged, the key does not", async () => {
  const played = new Played();
  const extra = { guided_json: null, chat_template_kwargs: { enable_thinking: false } };

  await openai.chat.completions.create({ ...CHAT, ...extra, ...played.play("well") });

  const [call] = await played.calls();
  const sent = JSON.parse(call.body);
  assert.deepEqual(sent, { model: "tiny", messages: HI, ...extra, ...played.play("well") });
  assert.equal(call.headers.authorization, undefined);
});

test("the request id comes back once", async () => {
  const headers = { "x-request-id": "mine-1" };

  const { request_id } = await openai.chat.completions.create(CHAT, { headers }).withResponse();

  assert.equal(request_id, "mine-1");
});
