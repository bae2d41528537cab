"""Two hosts of one deployment, and a Step Functions that records what it is answered."""

from __future__ import annotations

from functools import partial

import pytest
from botocore.exceptions import ClientError
from orchestrator.hosts import probe
from orchestrator.resources import instance


class Waiting:
    """Stands in for Step Functions: records the answers to a waiting workflow."""

    def __init__(self):
        self.answers = []
        self.gone = False

    def __getattr__(self, name):
        def call(**said):
            if self.gone:
                raise ClientError({"Error": {"Code": "TaskTimedOut"}}, name)
            self.answers.append((name, said))

        return call


@pytest.fixture
def step_functions(workflow):
    """Takes the answers to the deployment's workflow."""
    workflow.clients.__dict__["sfn"] = Waiting()
    return workflow.clients.sfn


@pytest.fixture
def pair(complete, step_functions, monkeypatch):
    """Generation 1 serves and answers, generation 2 has been launched beside it."""
    monkeypatch.setattr(probe, "ready", lambda *_: None)
    complete.ledger.set_host(1, phase="serving")
    complete.run(partial(instance.replace, generation=1))
    return complete
