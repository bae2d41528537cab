"""What the new host of a change is asked, and what its answer has to be."""

from __future__ import annotations

import pytest
from orchestrator.errors import CanaryFailed, HostLost, Pending
from orchestrator.hosts import canary, probe
from orchestrator.ledger.rows import Role
from orchestrator.spec.parsing import parse

ASKED = {"prompt": "What is 2 + 2?", "contains": "FOUR", "max_seconds": 5}

SHUT = "network.allowed_cidrs or gateway.filters shut us out"


def ask(workflow, prompts=(), generation=2, *, repairing=False, **changes):
    spec = {**workflow.spec, "canary": {"prompts": list(prompts)}, **changes}
    return canary.ask(
        workflow.clients, parse(spec), workflow.ledger, generation, repairing=repairing
    )["canary"]


@pytest.fixture
def answering(pair, monkeypatch):
    """The new host says this to whatever it is asked; what it was asked is listed."""
    asked = []

    def says(answer):
        def said(origin, api_key, name, prompt, seconds):
            asked.append((name, prompt, seconds))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(probe, "answer", said)
        return asked

    says("It is four.")
    return says


def history(workflow):
    return [row["text"] for row in workflow.ledger.rows("event#") if row["what"] == "canary"]


def test_the_prompts_of_the_specification_are_asked_by_name(pair, answering):
    asked = answering("It is four.")

    assert ask(pair, [ASKED]) == "passed"

    assert asked == [("infer.example.com", "What is 2 + 2?", 5.0)]
    assert history(pair)[0].startswith("passed: generation 2 answered 1 prompts in ")


def test_without_prompts_two_short_ones_are_asked(pair, answering):
    asked = answering("hm")

    assert ask(pair) == "passed"

    assert [prompt for _, prompt, _ in asked] == [each.prompt for each in canary.DEFAULT]


@pytest.mark.parametrize(
    ("answer", "expected", "got"),
    [
        ("It is five.", "a text with 'FOUR' within 5 s", "'It is five.'"),
        ("", "a text with 'FOUR' within 5 s", "''"),
        (
            Pending("https://192.0.2.1 answers 500"),
            "a text with 'FOUR'",
            "https://192.0.2.1 answers 500",
        ),
    ],
)
def test_a_wrong_answer_is_named_with_prompt_expected_and_got(
    pair, answering, answer, expected, got
):
    answering(answer)

    with pytest.raises(CanaryFailed) as refusal:
        ask(pair, [ASKED])

    for part in ("'What is 2 + 2?'", f"expected: {expected}", f"got: {got}"):
        assert part in str(refusal.value)
    assert history(pair) == [str(refusal.value)]


def test_an_empty_answer_is_no_answer(pair, answering):
    answering("  ")

    with pytest.raises(CanaryFailed, match="expected: any text within 15 s; got: '  '"):
        ask(pair)


def test_an_answer_that_comes_too_late_fails(pair, answering, monkeypatch):
    moments = iter((0.0, 5.5))
    monkeypatch.setattr(canary.time, "monotonic", lambda: next(moments, 9.0))
    monkeypatch.setattr(canary.proof, "still_answers", lambda *_: True)

    with pytest.raises(CanaryFailed, match=r"got: 'It is four\.' after 5\.5 s"):
        ask(pair, [ASKED])


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"repairing": True}, "a repair"),
        ({"generation": 1}, "no other host serves"),
        ({"network": {"allowed_cidrs": ["203.0.113.0/24"]}}, SHUT),
        ({"gateway": {"filters": [{"name": "a", "allow": ["203.0.113.0/24"]}]}}, SHUT),
        (
            {"instance": {"gpu": False, "type": "c7i.large"}},
            "the deployment has no engine",
        ),
    ],
)
def test_where_nothing_can_be_asked_the_reason_is_given(pair, answering, how, why):
    asked = answering("hm")

    assert ask(pair, **how) == f"not asked: {why}"
    assert asked == []


def test_a_host_that_follows_a_dead_one_is_not_held_back(pair, answering):
    pair.clients.ec2.terminate_instances(InstanceIds=[pair.ledger.serving().instance_id])

    assert ask(pair) == "not asked: the host that served does not answer"


def test_a_host_that_is_gone_is_asked_nothing(pair, answering):
    pair.ledger.set_host(2, role=Role.RETIRED, instance_id=None)

    with pytest.raises(HostLost, match="generation 2 of 'demo'"):
        ask(pair)
