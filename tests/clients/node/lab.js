// The lab that the Python side started (its JSON is in LAB), and one request's script in it.
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const lab = JSON.parse(process.env.LAB);
export const HI = [{ role: "user", content: "Hi" }];
export const CHAT = { model: "tiny", messages: HI };

export const client = (options = {}) =>
  new OpenAI({ baseURL: `${lab.url}/v1`, apiKey: lab.key, maxRetries: 0, ...options });

export const anthropic = (options = {}) =>
  new Anthropic({ baseURL: lab.url, apiKey: lab.key, maxRetries: 0, ...options });

// What the first example under this heading of docs/clients.md makes, by name.
export async function example(section, ...names) {
  const page = await readFile(new URL("../../../docs/clients.md", import.meta.url), "utf8");
  const [, text] = page.split(`\n## ${section}\n`)[1].match(/```javascript\n(.*?)```/s);
  Object.assign(process.env, { ENDPOINT: lab.url, KEY: lab.key, MODEL: "tiny" });
  const folder = await mkdtemp(join(tmpdir(), "example-"));
  try {
    const packages = fileURLToPath(new URL("node_modules", import.meta.url));
    await symlink(packages, join(folder, "node_modules"));
    await writeFile(join(folder, "example.mjs"), `${text}\nexport { ${names} };\n`);
    return await import(join(folder, "example.mjs"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

export class Played {
  id = randomUUID();

  // Goes into the request's body: the gateway passes unknown fields on, the engine obeys.
  play(name) {
    return { lab: { id: this.id, play: name.replace("NAME", this.id) } };
  }

  // The same within a prompt, for clients that add no fields.
  prompt(name) {
    return `Hi [lab:${this.id} ${name}]`;
  }

  async calls() {
    return (await fetch(`${lab.engine}/lab/calls?id=${this.id}`)).json();
  }

  // When the gateway hung up on the engine, in seconds since the request.
  async leftAfter(seconds = 3) {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(10)) {
      const left = (await this.calls()).find((call) => call.left_after !== null);
      if (left) return left.left_after;
    }
    throw new Error(`the engine is still busy after ${seconds} s`);
  }
}

export async function collect(stream, into = []) {
  for await (const event of stream) into.push(event);
  return into;
}

// What was thrown; fails if nothing was.
export async function thrown(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown, but came: ${JSON.stringify(value)}`);
}

export async function idle() {
  for (const end = Date.now() + 5000; Date.now() < end; await sleep(10)) {
    const ready = await (await fetch(`${lab.url}/health/ready`)).json();
    if (ready.in_flight === 0) return;
  }
  throw new Error("requests stayed in flight");
}
