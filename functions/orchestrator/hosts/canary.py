"""Ask the new host of a change golden prompts before traffic moves to it.

It is asked on its own address by the deployment's name, with the deployment's own key, through its
nginx and its gateway: what a client gets, but for the record that leads there.
"""

from __future__ import annotations

import time

from orchestrator.aws.clients import Clients
from orchestrator.errors import CanaryFailed, HostLost, Pending
from orchestrator.hosts import probe, proof
from orchestrator.launch import instances
from orchestrator.ledger.rows import HostRow
from orchestrator.ledger.store import Ledger
from orchestrator.masking import shown
from orchestrator.resources import keys
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.sections import Prompt

# Any model answers these somehow, a small one too.
DEFAULT = (
    Prompt(prompt="Say hello in one short sentence."),
    Prompt(prompt="Count from one to five."),
)


def ask(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    generation: int,
    *,
    repairing: bool = False,
) -> dict[str, str]:
    """Return {"canary": passed, or why nothing was asked}; CanaryFailed names the prompt, what its
    answer had to be and what came.

    Nothing is asked by a repair, nor where no other host answers.
    """
    if why := _not_asked(clients, deployment, ledger, generation, repairing=repairing):
        return {"canary": f"not asked: {why}"}
    host = ledger.host(generation)
    if host is None or host.instance_id is None:
        raise HostLost(f"generation {generation} of {ledger.name!r} is not there any more")
    took = [
        _asked(clients, deployment, ledger, host, each)
        for each in deployment.canary.prompts or DEFAULT
    ]
    answered = ", ".join(f"{seconds:.1f} s" for seconds in took)
    text = f"passed: generation {generation} answered {len(took)} prompts in {answered}"
    ledger.note("canary", text, instance_id=host.instance_id)
    return {"canary": "passed"}


def _not_asked(
    clients: Clients, deployment: Deployment, ledger: Ledger, generation: int, *, repairing: bool
) -> str | None:
    if why := _cannot_ask(deployment, repairing=repairing):
        return why
    serving = ledger.serving()
    if serving is None or serving.generation == generation:
        replaces = serving is None and ledger.deployment().changes_by(ledger.owner)
        return None if replaces else "no other host serves"
    if proof.still_answers(clients, deployment, ledger, serving):
        return None
    return "the host that served does not answer"


def _cannot_ask(deployment: Deployment, *, repairing: bool) -> str | None:
    if repairing:
        return "a repair"
    if deployment.engine_kind == "none":
        return "the deployment has no engine"
    return None if deployment.is_open else "network.allowed_cidrs or gateway.filters shut us out"


def _asked(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow, prompt: Prompt
) -> float:
    """Return how long the answer took, seconds."""
    origin = f"https://{instances.address(clients, str(host.instance_id))}"
    api_key, began = keys.read(clients, ledger.name), time.monotonic()
    try:
        answer = probe.answer(
            origin, api_key, deployment.host, prompt.prompt, float(prompt.max_seconds)
        )
    except Pending as error:
        raise _failed(ledger, host, prompt, str(error)) from error
    seconds = time.monotonic() - began
    if seconds > prompt.max_seconds:
        raise _failed(ledger, host, prompt, f"{shown(answer)} after {seconds:.1f} s")
    if not answer.strip() or (prompt.contains or "").lower() not in answer.lower():
        raise _failed(ledger, host, prompt, shown(answer))
    return seconds


def _failed(ledger: Ledger, host: HostRow, prompt: Prompt, got: str) -> CanaryFailed:
    expected = "any text" if prompt.contains is None else f"a text with {shown(prompt.contains)}"
    text = (
        f"generation {host.generation} does not answer the prompt {shown(prompt.prompt)} as it has "
        f"to: expected: {expected} within {prompt.max_seconds} s; got: {got}"
    )
    ledger.note("canary", text, instance_id=host.instance_id)
    return CanaryFailed(text)
