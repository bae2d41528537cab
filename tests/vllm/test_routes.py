"""Every route of the installed vLLM is served by the gateway, or refused with the reason."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from twin.control import PROJECT
from twin.engines import vllm
from vllmlab.gate import Gate

# Run by vLLM's own Python: prints each [method, path] that it has under any setting, for any model.
_LISTER = """
import importlib, json, sys, typing
from pathlib import Path
import vllm.entrypoints
from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.entrypoints.launchers.app import build_app
from vllm.tasks import SupportedTask
from vllm.utils.argparse_utils import FlexibleArgumentParser

def tasks(kind):
    for one in typing.get_args(kind):
        yield from [one] if isinstance(one, str) else tasks(one)

parser = FlexibleArgumentParser(prog="vllm")
ServeSubcommand().subparser_init(parser.add_subparsers(dest="subparser"))
args = parser.parse_args(["serve", "m", "--enable-tokenizer-info-endpoint"])
args.enable_fault_tolerance = True
routes = list(build_app(args, tuple(tasks(SupportedTask))).routes)
home = Path(vllm.entrypoints.__file__).parent
for file in home.rglob("api_router.py"):  # those that only some models have
    name = ".".join(file.relative_to(home.parent.parent).with_suffix("").parts)
    for value in vars(importlib.import_module(name)).values():
        routes += value.routes if isinstance(value, APIRouter) else []
found = {("GET", route.path) for route in routes if isinstance(route, APIWebSocketRoute)}
for route in routes:
    found |= {(one, route.path) for one in route.methods} if isinstance(route, APIRoute) else set()
json.dump(sorted(found), sys.stdout)
"""
_EVERYTHING = {
    "VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_ENABLE_COHERE_API": "1",
}  # fmt: skip
_OWN = {"/health", "/metrics"}  # the gateway's pages of that name


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, str]]:
    vllm.prepare(PROJECT, print)
    done = subprocess.run(
        [PROJECT / ".venv-vllm/bin/python", "-W", "ignore", "-c", _LISTER],
        env=os.environ | vllm.ENVIRONMENT | _EVERYTHING,
        capture_output=True,
        text=True,
        check=True,
    )
    return [(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])]


def answered(door: Gate, method: str, path: str) -> str:
    """Return "served", or the reason for the refusal, empty if none is given."""
    for name in ("{response_id}", "{adapter_name}"):
        path = path.replace(name, "one")
    found = door.client.request(method, path, json={} if method == "POST" else None)
    if "unknown_url" not in found.text and "method_not_allowed" not in found.text:
        return "served"
    return found.json()["error"]["message"].partition(" is not served here: ")[2]


def test_each_route_is_served_or_refused_with_the_reason(
    door: Gate, routes: list[tuple[str, str]]
) -> None:
    found = {route: answered(door, *route) for route in routes if route[1] not in _OWN}

    assert len(found) > 60
    assert [route for route, answer in found.items() if not answer] == []
    inference = {
        ("POST", "/v1/chat/completions"), ("POST", "/v1/chat/completions/batch"),
        ("POST", "/v1/completions"), ("POST", "/v1/responses"), ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"), ("POST", "/v1/systemone"), ("GET", "/v1/models"),
        ("GET", "/v1/responses/{response_id}"), ("POST", "/v1/responses/{response_id}/cancel"),
        ("POST", "/v1/embeddings"), ("POST", "/v2/embed"), ("POST", "/pooling"), ("POST", "/score"),
        ("POST", "/v1/score"), ("POST", "/rerank"), ("POST", "/v1/rerank"), ("POST", "/v2/rerank"),
        ("POST", "/classify"), ("POST", "/tokenize"), ("POST", "/detokenize"), ("GET", "/version"),
        ("GET", "/tokenizer_info"), ("POST", "/v1/audio/transcriptions"),
        ("POST", "/v1/audio/translations"),
    }  # fmt: skip
    assert {route for route, answer in found.items() if answer == "served"} == inference
