"use strict";
// The key stays in its field: it is stored nowhere and goes only to this gateway.
const field = (id) => document.getElementById(id);
const [key, operation, body, answer, send, stop] =
  ["key", "operation", "body", "answer", "send", "stop"].map(field);
const samples = JSON.parse(field("samples").dataset.samples);
let running = null;

function choose() {
  const sample = samples[operation.value];
  body.value = sample === null ? "" : JSON.stringify(sample, null, 2);
  body.disabled = sample === null;
}

async function ask() {
  const [method, path] = operation.value.split(" ");
  const headers = key.value ? { authorization: `Bearer ${key.value}` } : {};
  const options = { method, headers, signal: running.signal };
  if (!body.disabled) {
    headers["content-type"] = "application/json";
    options.body = body.value;
  }
  const response = await fetch(path, options);
  answer.textContent = `${response.status} ${response.headers.get("x-request-id") || ""}\n\n`;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    answer.append(part.value);
  }
}

async function run() {
  running = new AbortController();
  send.disabled = true;
  stop.disabled = false;
  answer.textContent = "";
  try {
    await ask();
  } catch (error) {
    answer.append(`\n${error.message}`);
  }
  send.disabled = false;
  stop.disabled = true;
}

operation.addEventListener("change", choose);
send.addEventListener("click", run);
stop.addEventListener("click", () => running.abort());
for (const button of document.querySelectorAll("[data-try]")) {
  button.addEventListener("click", () => {
    operation.value = button.dataset.try;
    choose();
    field("console").scrollIntoView();
  });
}
choose();
