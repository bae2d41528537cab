"""The others, as their manuals start them: one worker, logs at warnings, nothing switched on.

Where there is a choice it is the cheaper one for them. Each lives in its own virtual environment
(LiteLLM's pins conflict with the others'), made by `make bench`.
"""

import json
import subprocess
from pathlib import Path

from benchmarks import ROOT
from benchmarks.errors import MissingProgram
from benchmarks.loads import MODEL
from benchmarks.system.processes import Command, free_port
from benchmarks.targets.target import Lab

_ROUTERS = ROOT / ".venv-bench"
_LITELLM = ROOT / ".venv-bench-litellm"


def sglang_router(lab: Lab, port: int) -> list[Command]:
    arguments = (
        _program(_ROUTERS, "sglang-router"),
        "launch",
        *_router(lab, port),
        *("--log-level", "warn"),
    )
    return [Command("sglang-router", arguments)]


def vllm_router(lab: Lab, port: int) -> list[Command]:
    arguments = (
        _program(_ROUTERS, "vllm-router"),
        *_router(lab, port),
        *("--log-level", "warning"),
    )
    return [Command("vllm-router", arguments)]


def _router(lab: Lab, port: int) -> tuple[str, ...]:
    """Both descend from one program. Round robin costs them less than their cache-aware default."""
    return (
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--worker-urls", lab.backend, "--policy", "round_robin"),
        *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())),
    )


def litellm(lab: Lab, port: int) -> list[Command]:
    config = lab.folder / "litellm.json"  # JSON is YAML
    config.write_text(json.dumps(_litellm_config(lab)), "ascii")
    arguments = (
        _program(_LITELLM, "litellm"),
        *("--config", str(config), "--host", "127.0.0.1", "--port", str(port)),
    )
    # It would fetch its price list at every start and log each request.
    variables = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    return [Command("litellm", arguments, variables)]


def _litellm_config(lab: Lab) -> dict[str, object]:
    backend = {
        "model": f"openai/{MODEL}",
        "api_base": f"{lab.backend}/v1",
        "api_key": "none",
        "allowed_openai_params": ["dimensions"],  # else refused for a model that it does not know
    }
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": backend}],
        "general_settings": {"master_key": lab.key},
    }


def sglang_router_version() -> str:
    return _version(_ROUTERS, "sglang-router")


def vllm_router_version() -> str:
    return _version(_ROUTERS, "vllm-router")


def litellm_version() -> str:
    return _version(_LITELLM, "litellm")


def _program(environment: Path, name: str) -> str:
    program = environment / "bin" / name
    if not program.exists():
        raise MissingProgram(f'{name} is not installed: make bench PEERS="{name}" installs it')
    return str(program)


def _version(environment: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    command = (_program(environment, "python"), "-c", code)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
