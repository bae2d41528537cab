// Every failure is the class that a program would catch; what may be repeated is.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { CHAT, Played, client, lab, thrown } from "./lab.js";

const openai = client();
const create = (fields, options) => openai.chat.completions.create({ ...CHAT, ...fields }, options);

test("an unknown key is an authentication error", async () => {
  const error = await thrown(client({ apiKey: "sk-unknown" }).models.list());

  assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
  assert.equal(error.code, "invalid_api_key");
  assert.equal(error.type, "invalid_request_error");
  assert.ok(error.requestID);
});

test("a model that nobody serves is not found", async () => {
  const error = await thrown(openai.models.retrieve("gpt-9"));

  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.equal(error.code, "model_not_found");
  assert.equal(error.param, "model");
});

test("an endpoint that is not here is not found", async () => {
  const error = await thrown(openai.images.generate({ model: "tiny", prompt: "a cat" }));

  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.equal(error.code, "unknown_url");
});

test("the engine's own refusal keeps its words", async () => {
  for (const stream of [false, true]) {
    const error = await thrown(create({ stream, ...new Played().play("refuse") }));

    assert.ok(error instanceof OpenAI.BadRequestError, String(error));
    assert.match(error.message, /4096/);
  }
});

for (const [field, value] of [["stream", "often"], ["max_tokens", "many"], ["model", 5]]) {
  test(`${field} of another type is a bad request`, async () => {
    const error = await thrown(create({ [field]: value }));

    assert.ok(error instanceof OpenAI.BadRequestError, String(error));
    assert.ok(error.code);
  });
}

for (const [status, kind] of [
  [400, OpenAI.BadRequestError],
  [403, OpenAI.PermissionDeniedError],
  [409, OpenAI.ConflictError],
  [422, OpenAI.UnprocessableEntityError],
  [429, OpenAI.RateLimitError],
  [500, OpenAI.InternalServerError],
  [503, OpenAI.InternalServerError],
]) {
  test(`the engine's ${status} is its own class of error`, async () => {
    const error = await thrown(create(new Played().play(`status ${status} NAME 9`)));

    assert.ok(error instanceof kind, String(error));
    assert.equal(error.status, status);
    assert.ok(error.requestID);
  });
}

for (const status of [429, 503]) {
  test(`an engine that is busy (${status}) is asked again after the time it named`, async () => {
    const played = new Played();
    const began = Date.now();

    const answer = await create(played.play(`status ${status} NAME 1`), { maxRetries: 1 });

    assert.equal(answer.choices[0].message.content, "Hello you");
    assert.ok(Date.now() - began >= 950);
    assert.equal((await played.calls()).length, 2);
  });
}

test("a key over its limit is told exactly when to come back", async () => {
  const slow = client({ apiKey: lab.slow });
  await slow.chat.completions.create(CHAT);

  const error = await thrown(slow.chat.completions.create(CHAT));

  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  assert.equal(error.code, "rate_limit_exceeded");
  const wait = Number(error.headers.get("retry-after-ms"));
  assert.ok(wait > 0 && wait <= 60_000, String(wait));
  assert.equal(error.headers.get("x-ratelimit-limit-requests"), "1");
});

test("a request that took too long is not repeated", async () => {
  const played = new Played();

  const error = await thrown(create({ max_tokens: 1, ...played.play("hang") }, { maxRetries: 2 }));

  assert.equal(error.status, 504);
  assert.equal(error.code, "timeout");
  assert.equal((await played.calls()).length, 1);
});

test("an engine that speaks no HTTP is a server error not to be repeated", async () => {
  const played = new Played();

  const error = await thrown(create(played.play("garbage"), { maxRetries: 2 }));

  assert.equal(error.status, 502);
  assert.equal((await played.calls()).length, 1);
});
