"""What our unit passes to vLLM and what our agent reads of it, held against the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from host_scripts.sandbox import SCRIPTS
from orchestrator.launch.rendering import vllm_args
from orchestrator.spec import parsing
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.engine_arguments import RESERVED, SWITCHES, problems
from twin.control import PROJECT
from vllmlab.engine import Engine

sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True

from host.probes import progress  # noqa: E402 - the lines above come first

# Run by vLLM's own Python: prints {"flags": [...], "parsed": [[...], ...]}; an entry of `parsed` is
# the settings that the words on its line of stdin change, or the parser's complaint.
_PARSER = """
import contextlib, io, json, sys
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser(prog="vllm")
ServeSubcommand().subparser_init(parser.add_subparsers(dest="subparser"))
serve = parser._subparsers._group_actions[0].choices["serve"]
plain = vars(parser.parse_args(["serve", "--model", "m"]))
parsed = []
for line in sys.stdin:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            found = vars(parser.parse_args(["serve", "--model", "m", *line.split()]))
        parsed.append(sorted(name for name in found if found[name] != plain[name]))
    except SystemExit:
        parsed.append("error: " + said.getvalue().rpartition("error: ")[2])
flags = sorted(serve._option_string_actions)
json.dump({"flags": flags, "parsed": parsed, "model": plain["model_tag"]}, sys.stdout)
"""
_SPELLINGS = [
    ("--tensor_parallel_size=2", "tensor_parallel_size"),
    ("--tensor-par 2", "tensor_parallel_size"),
    ("-tp 2", "tensor_parallel_size"),
    ("--api-k x", "api_key"),
    ("--model.x=3", "model"),
]
_ARGUMENTS = [
    "--max-num-seqs", "64", "--speculative-config.num_speculative_tokens=3",
    "--limit-mm-per-prompt.image=2", "--kv-cache-dtype=fp8", "--lora-modules", "mine=org/adapter",
    "--trust-remote-code", "--reasoning-parser", "qwen3", "--data-parallel-size=2",
]  # fmt: skip


def parse(*lines: str) -> dict[str, Any]:
    done = subprocess.run(
        [PROJECT / ".venv-vllm/bin/python", "-c", _PARSER],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def everything() -> Deployment:
    """Return a deployment that has our unit pass every flag that it can."""
    engine = {"max_model_len": 4096, "tool_call_parser": "hermes", "arguments": _ARGUMENTS}
    return parsing.parse({"name": "prod", "model": "m", "engine": engine})


@pytest.mark.usefixtures("lab")
def test_vllm_knows_what_we_pass_and_what_we_reserve() -> None:
    deployment = everything()
    ours = f"--host 0.0.0.0 --port 8001 {vllm_args(deployment)}"
    more = " ".join(deployment.engine.arguments)

    answer = parse(f"{ours} {more}", *(words for words, _ in _SPELLINGS))

    assert answer["model"] == "m"  # --model still names it
    changed, *spelt = answer["parsed"]
    assert {
        *("host", "port", "max_model_len", "gpu_memory_utilization"),
        *("enable_auto_tool_choice", "tool_call_parser", "max_num_seqs", "speculative_config"),
        *("limit_mm_per_prompt", "kv_cache_dtype", "lora_modules", "trust_remote_code"),
        *("reasoning_parser", "data_parallel_size"),
    } <= set(changed)
    assert spelt == [[name] for _, name in _SPELLINGS]
    assert all([*problems(["--seed", *words.split()])] for words, _ in _SPELLINGS)
    assert {f"--{flag}" for flag in RESERVED} - set(answer["flags"]) == set()
    refused = {flag for flag in answer["flags"] if flag.startswith("--") and [*problems([flag])]}
    reserved = {f"--{form}{flag}" for flag in RESERVED for form in ("", "no-")}
    assert refused - reserved == set()  # no other flag is taken for one of these


@pytest.mark.usefixtures("lab")
def test_vllm_takes_no_value_for_what_we_call_a_switch() -> None:
    switches = [f"--{form}{flag}" for flag in SWITCHES for form in ("", "no-")]

    answer = parse(*switches, *(f"{switch} x" for switch in switches))

    alone, followed = answer["parsed"][: len(switches)], answer["parsed"][len(switches) :]
    assert [said for said in alone if isinstance(said, str)] == []
    assert set(followed) == {"error: unrecognized arguments: x\n"}


def test_the_agent_reads_metrics_that_vllm_has(engine: Engine) -> None:
    assert progress.answers_token(engine.url, "tiny")

    lines = progress.counters(engine.url) or ()

    for sign in progress.SIGNS:
        assert [line for line in lines if line.startswith(f"{sign}{{")], sign
    assert "abort" not in " ".join(lines)
