// Vercel's AI SDK: by chat completions, as docs/clients.md sets it up, and by Responses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, embed, generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";
import { Played, collect, example, lab, thrown } from "./lab.js";

const { provider, model, text } = await example("Vercel AI SDK", "provider", "model", "text");
const openai = (apiKey = lab.key) => createOpenAI({ baseURL: `${lab.url}/v1`, apiKey });
const city = z.object({ city: z.string() });
const weather = tool({
  description: "The weather in a city",
  inputSchema: city,
  execute: async ({ city }) => `sunny in ${city}`,
});

test("the page's example is answered", () => assert.equal(text, "Hello you"));

for (const [name, model] of [["chat", provider("tiny")], ["responses", openai().responses("tiny")]]) {
  test(`${name}: a text is streamed, with its usage`, async () => {
    const stream = streamText({ model, prompt: "Hi" });

    assert.deepEqual(await collect(stream.textStream), ["Hello", " ", "you"]);
    assert.equal((await stream.usage).totalTokens, 10);
  });

  for (const generate of [generateText, streamText]) {
    test(`${name}: a tool is called and its result is answered (${generate.name})`, async () => {
      const played = new Played();
      const prompt = played.prompt("well");

      const stopWhen = isStepCount(3);
      const answer = await generate({ model, prompt, tools: { weather }, stopWhen });

      const [first, second] = await answer.steps;
      assert.equal(first.toolResults[0].output, "sunny in Paris");
      assert.equal(second.text, "Hello you");
      assert.match((await played.calls())[1].body, /sunny in Paris/);
    });
  }

  test(`${name}: the reason of a refusal reaches the caller`, async () => {
    const prompt = new Played().prompt("refuse");

    const error = await thrown(generateText({ model, prompt }));

    assert.ok(APICallError.isInstance(error), String(error));
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /4096 tokens/);
  });

  test(`${name}: a stream that breaks says so`, async () => {
    const prompt = new Played().prompt("die");

    const { fullStream } = streamText({ model, prompt, maxRetries: 0, onError: () => {} });

    const parts = await collect(fullStream);
    assert.match(String(parts.find((part) => part.type === "error").error), /broke off/);
  });
}

test("an answer has the structure that is asked for", async () => {
  const output = Output.object({ schema: city });

  assert.deepEqual((await generateText({ model, prompt: "Hi", output })).output, { city: "Paris" });

  const partial = streamText({ model, prompt: "Hi", output });
  assert.deepEqual((await collect(partial.partialOutputStream)).at(-1), { city: "Paris" });
});

test("a text is embedded", async () => {
  const { embedding } = await embed({ model: provider.embeddingModel("tiny"), value: "one" });

  assert.deepEqual(embedding, [0.5, 0.25, -1]);
});

test("a key that is not known is refused at once", async () => {
  const error = await thrown(generateText({ model: openai("sk-unknown").chat("tiny"), prompt: "Hi" }));

  assert.equal(error.statusCode, 401);
  assert.equal(error.isRetryable, false);
  assert.match(error.message, /not known here/);
});
