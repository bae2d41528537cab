"""The engine of a host: the built-in stub, or vLLM on this machine's CPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twin.engines import vllm
from twin.hosts.unit import Unit


@dataclass(frozen=True, slots=True)
class Engines:
    """kind: stub or vllm; load_seconds: of the stub, before it answers; home: of vLLM's files."""

    kind: str
    load_seconds: float
    home: Path

    def unit(self, model: str, port: int, arguments: Sequence[str]) -> Unit:
        """The engine that answers to `model` on 127.0.0.1:port. It gets no AWS credentials.

        arguments: of engine.arguments, for vLLM; the stub has no flags of vLLM's.
        """
        environment = {
            name: each for name, each in os.environ.items() if not name.startswith("AWS_")
        }
        if self.kind == "vllm":
            command = vllm.command(self.home, model, port, arguments)
            return Unit("vllm", command, environment | vllm.ENVIRONMENT)
        arguments = [
            "--port",
            str(port),
            "--model",
            model,
            "--load-seconds",
            str(self.load_seconds),
        ]
        return Unit.python("vllm", "twin.engines.stub", *arguments, environment=environment)
