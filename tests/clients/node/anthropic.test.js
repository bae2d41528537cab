// Anthropic's Node client: `/v1/messages` in its own shapes.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { HI, Played, anthropic, collect, thrown } from "./lab.js";

const client = anthropic();
const ASK = { model: "tiny", max_tokens: 16, messages: HI };

test("a message is answered", async () => {
  const answer = await client.messages.create(ASK);

  assert.deepEqual(answer.content, [{ type: "text", text: "Hello you" }]);
});

test("a message is streamed", async () => {
  const message = await client.messages.stream(ASK).finalMessage();

  assert.equal(message.content[0].text, "Hello you");
  assert.equal(message.usage.output_tokens, 3);
});

test("tokens are counted", async () => {
  const answer = await client.messages.countTokens({ model: "tiny", messages: HI });

  assert.equal(answer.input_tokens, 7);
});

test("an unknown key is an authentication error", async () => {
  const error = await thrown(anthropic({ apiKey: "sk-unknown" }).messages.create(ASK));

  assert.ok(error instanceof Anthropic.AuthenticationError, String(error));
  assert.equal(error.error.type, "error");
  assert.equal(error.error.error.type, "authentication_error");
});

test("a stream that breaks throws after its last event", async () => {
  const events = [];
  const ask = { ...ASK, stream: true, ...new Played().play("die") };
  const stream = await client.messages.create(ask);

  const error = await thrown(collect(stream, events));

  assert.ok(error instanceof Anthropic.APIError, String(error));
  assert.deepEqual(events.map((event) => event.type), ["message_start", "content_block_start"]);
});
