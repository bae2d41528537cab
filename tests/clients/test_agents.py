"""Claude Code and Codex, the programs themselves, set up as docs/clients.md says."""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zstandard
from gateway.telemetry.access_log import FLUSH_SECONDS

from clients import answers
from clients.agents import ONCE, Agents
from clients.elsewhere import Elsewhere
from clients.examples import environment
from clients.installed import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from clients.lab import Lab


@pytest.fixture
def agents(lab: Lab, tmp_path: Path) -> Agents:
    return Agents(tmp_path, environment(lab))


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as found:
        yield found


@pytest.mark.parametrize("program", [Agents.claude, Agents.codex])
def test_an_agent_speaks_to_the_endpoint_alone(
    agents: Agents, elsewhere: Elsewhere, program: Callable[..., CompletedProcess[str]]
) -> None:
    done = program(agents, "Say hello", **elsewhere.environment)

    assert answers.TEXT in done.stdout
    assert elsewhere.asked == []


def test_a_program_that_speaks_to_others_is_noticed(elsewhere: Elsewhere, tmp_path: Path) -> None:
    program = "import urllib.request; urllib.request.urlopen('https://example.com')"

    run((sys.executable, "-c", program), tmp_path, elsewhere.environment)

    [line] = elsewhere.asked
    assert line.startswith("CONNECT example.com:443 ")


def test_claude_code_runs_a_command_and_answers(agents: Agents, lab: Lab) -> None:
    identity = uuid.uuid4().hex

    done = agents.claude(f"Hi [lab:{identity} run echo $((6 * 7))]")

    assert json.loads(done.stdout)["result"] == answers.TEXT
    first, second = lab.calls(identity)
    assert {call["path"] for call in (first, second)} == {"/v1/messages"}
    [result] = results(json.loads(second["body"])["messages"][-1]["content"], "tool_result")
    assert result["content"] == "42"
    assert lab.key not in json.dumps([first, second])


def test_claude_codes_sessions_share_their_prefix(agents: Agents, lab: Lab) -> None:
    texts = {uuid.uuid4().hex: text for text in ("Fix the tests", "Write a poem", "Say hello")}

    for identity, text in texts.items():
        agents.claude(f"{text} [lab:{identity} well]")

    prompts = [json.loads(lab.calls(each)[0]["body"]) for each in texts]
    assert prompts[0]["system"] == prompts[2]["system"]
    assert prompts[0]["system"] == prompts[1]["system"]
    assert prompts[0]["tools"] == prompts[1]["tools"]
    assert prompts[0]["max_tokens"] == 8192


@pytest.mark.parametrize(
    ("play", "key", "words"),
    [
        ("refuse", None, "Prompt is too long · the provider said: This model's maximum context"),
        ("well", "sk-unknown", "401 The API key is not known here."),
    ],
)
def test_claude_code_shows_the_reason_at_once(
    agents: Agents, lab: Lab, play: str, key: str | None, words: str
) -> None:
    before = asked(lab)

    done = agents.claude(f"Hi [lab:1 {play}]", KEY=key or lab.key)

    said = json.loads(done.stdout)
    assert words in said["result"]
    assert said["is_error"]
    assert asked(lab) == before + 1


def test_codex_runs_a_command_and_answers(agents: Agents, lab: Lab) -> None:
    identity = uuid.uuid4().hex

    done = agents.codex(f"Hi [lab:{identity} run echo $((6 * 7))]")

    assert done.stdout.strip() == answers.TEXT
    first, second = lab.calls(identity)
    assert {call["path"] for call in (first, second)} == {"/v1/responses"}
    [result] = results(json.loads(second["body"])["input"], "function_call_output")
    assert "42" in result["output"].splitlines()
    assert lab.key not in json.dumps([first, second])


@pytest.mark.parametrize(
    ("play", "key", "words"),
    [
        ("refuse", None, "maximum context length is 4096 tokens"),
        ("well", "sk-unknown", "401 Unauthorized: The API key is not known here."),
        ("die", None, "The model server broke off in the middle of its answer."),
    ],
)
def test_codex_shows_the_reason(
    agents: Agents, lab: Lab, play: str, key: str | None, words: str
) -> None:
    done = agents.codex(*ONCE, f"Hi [lab:1 {play}]", KEY=key or lab.key)

    assert words in done.stderr
    assert done.returncode != 0


def test_codexs_request_may_be_compressed(agents: Agents, lab: Lab) -> None:
    """It does so for OpenAI's own servers only: a request that it sent here is sent again."""
    identity = uuid.uuid4().hex
    agents.codex(f"Hi [lab:{identity} well]")
    [call] = lab.calls(identity)

    again = httpx.post(
        f"{lab.url}/v1/responses",
        content=zstandard.compress(call["body"].encode()),
        headers={
            "authorization": f"Bearer {lab.key}",
            "content-type": "application/json",
            "content-encoding": "zstd",
        },
    )

    assert again.status_code == 200
    assert "event: response.completed" in again.text
    assert [each["body"] for each in lab.calls(identity)] == [call["body"]] * 2


def results(parts: list[Any], kind: str) -> list[Any]:
    return [part for part in parts if part["type"] == kind]


def asked(lab: Lab) -> int:
    """Return how many requests for messages the gateway has answered: a moment later it has written
    down the last one.
    """
    time.sleep(4 * FLUSH_SECONDS)
    with open(lab.log) as log:  # noqa: PTH123 -- a path as text
        return sum('"path":"/v1/messages"' in line for line in log)
