"""The gateway as it is run: a process with a keys file, settings and a backend."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from gateway.access.keys_file import new_entry
from openai import OpenAI
from patience import eventually
from ports import free_port

KEY = f"sk-alice-{'7' * 43}"
ALIAS = "gpt-tiny"
_SECONDS = 120


class Gate:
    """`client` is httpx with the key, `openai` the SDK; neither repeats anything by itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        headers = {"authorization": f"Bearer {KEY}"}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=_SECONDS)
        self.openai = OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=_SECONDS)

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self.client.post(path, json=body)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the series that have these labels."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).text
        lines = re.findall(rf"^inference_gateway_{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(value) for named, value in lines if all(one in named for one in wanted))

    def at_work(self) -> int:
        return int(self.metric("in_flight"))

    def is_ready(self) -> bool:
        """Whether it has seen that the model is served."""
        try:
            return self.client.get("/health/ready").is_success
        except httpx.TransportError:
            return False


@contextmanager
def gate(folder: Path, backend: str, **settings: Any) -> Iterator[Gate]:
    """Run one in front of the backend; `settings` are the backend's own."""
    folder.mkdir(parents=True, exist_ok=True)
    keys, config = folder / "keys.json", folder / "gateway.json"
    keys.write_text(json.dumps({"keys": [new_entry("alice", KEY)]}), "utf-8")
    config.write_text(
        json.dumps(
            {
                "backends": [{"url": backend, **settings}],
                "aliases": {ALIAS: "tiny"},
                "keys_file": str(keys),
                "usage_file": str(folder / "usage.json"),
            }
        ),
        "utf-8",
    )
    port = free_port()
    program = [sys.executable, "-m", "gateway", "--config", str(config)]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [*program, "--port", str(port)], env=dict(os.environ), stdout=log, stderr=log
        )
    found = Gate(f"http://127.0.0.1:{port}")
    try:
        eventually(found.is_ready, bool, 30)
        yield found
    finally:
        found.client.close()
        found.openai.close()
        process.terminate()
        process.wait(30)
