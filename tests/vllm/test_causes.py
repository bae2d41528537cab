"""What a real vLLM says when it is set wrong, and what the host's agent makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from host_scripts.sandbox import SCRIPTS
from patience import eventually
from ports import free_port
from twin.control import PROJECT
from twin.engines import vllm
from vllmlab.engine import MODEL, Engine

sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True

from host.machine import causes  # noqa: E402 - the lines above come first

GIVES_UP = 180  # seconds


def last_words(*more: str, model: str | None = None, **environment: str) -> str:
    """Return all that vLLM says with these arguments more, until it ends by itself."""
    command = [*vllm.command(PROJECT, MODEL, free_port()), *more]
    if model:
        command[2] = model
    done = subprocess.run(
        command,
        env=os.environ | vllm.ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=GIVES_UP,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--no-such-flag", "3"], "does not know the flags --no-such-flag 3"),
        (["--max-model-len", "many"], "refuses --max-model-len"),
        (["--tool-call-parser", "hermse"], "no tool call parser hermse"),
        (["--max-model-len", "99999"], "engine.max_model_len asks for 99999: lower it"),
        (["--num-gpu-blocks-override", "8"], "set engine.max_model_len to 896 or less"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else "",
)
def test_a_wrong_setting_is_told_with_its_remedy(more: list[str], told: str) -> None:
    said = last_words(*more)

    assert told in str(causes.diagnosed(said, ends=1)), said[-2000:]


class Hub(BaseHTTPRequestHandler):
    """A Hugging Face Hub that answers everything with one refusal."""

    refusal: ClassVar[tuple[int, dict[str, str]]]

    def do_GET(self) -> None:
        status, headers = self.refusal
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (401, {"X-Error-Code": "RepoNotFound"}, "the model does not exist, or is private"),
        (403, {"X-Error-Code": "GatedRepo"}, "the model is gated"),
        (
            401,
            {"X-Error-Message": "Invalid credentials in Authorization header"},
            "Hugging Face refuses the token",
        ),
    ],
    ids=["unknown", "gated", "token"],
)
def test_a_model_that_the_hub_refuses_is_told_with_its_remedy(
    hub: str, status: int, headers: dict[str, str], told: str
) -> None:
    Hub.refusal = status, headers

    said = last_words(
        model="org/model",
        HF_ENDPOINT=hub,
        HF_HUB_OFFLINE="0",
        TRANSFORMERS_OFFLINE="0",
        HF_TOKEN="hf_wrongtoken00000000",
    )

    assert told in str(causes.diagnosed(said, ends=1)), said[-2000:]


def test_an_engine_that_is_killed_says_nothing_of_its_settings(engine: Engine) -> None:
    os.kill(engine.core(), signal.SIGKILL)
    eventually(lambda: engine.is_running, lambda runs: not runs, 30)

    assert causes.diagnosed(engine.said(), ends=9) is None
