"""Runs the generator the way the tests want it; the mock is asked by hand too."""

from __future__ import annotations

import http.client
import json
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.system.programs import Programs

CHAT = "/v1/chat/completions"


def generate(
    built: Programs, folder: Path, port: int, body: dict[str, Any], **options: Any
) -> dict[str, Any]:
    file = folder / "body.json"
    file.write_text(json.dumps(body))
    flags = [f"--{name}={value}" for name, value in ({"seconds": 0.2} | options).items()]
    command = [str(built.load), f"--port={port}", f"--body={file}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def stream(chunks: int, *, microseconds: int = 0, **more: Any) -> dict[str, Any]:
    return {"stream": True, "max_tokens": chunks, "seed": microseconds, "messages": [], **more}


def ask(port: int, body: dict[str, Any], path: str = CHAT, **headers: str) -> tuple[Any, bytes]:
    """Return the response (its headers) and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response, answer


def events(answer: bytes) -> list[Any]:
    """Return the stream's events, without the [DONE]."""
    assert answer.endswith(b"data: [DONE]\n\n")
    return [json.loads(line[6:]) for line in answer.split(b"\n\n")[:-2]]
