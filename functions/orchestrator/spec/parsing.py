"""From the document that the operator wrote to a Deployment, or to the list of every mistake.

parse({"name": "prod", "model": "Qwen/Qwen2.5-7B-Instruct"})
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.errors import InvalidRequest
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.rules import contradictions
from orchestrator.spec.schema.reading import read
from orchestrator.spec.schema.values import Problem

MAX_SPEC_BYTES = 32_768


def parse(document: Any) -> Deployment:
    """Raise InvalidRequest with one line per problem: path, what is wrong, what is allowed."""
    if _bytes(document) > MAX_SPEC_BYTES:
        raise InvalidRequest(f"the specification is larger than {MAX_SPEC_BYTES} bytes")
    problems: list[Problem] = []
    deployment: Deployment = read(Deployment, document, "", problems)
    problems += contradictions(deployment, [problem.path for problem in problems])
    if problems:
        raise InvalidRequest("\n".join(map(str, problems)))
    return deployment


def _bytes(document: Any) -> int:
    try:
        return len(json.dumps(document, default=str))
    except RecursionError:
        raise InvalidRequest("the specification is nested too deeply") from None
