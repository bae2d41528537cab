"""Idempotency tokens: the same token gives the same resource, with other parameters a refusal."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

_LONGEST_TOKEN = 64


@dataclass(frozen=True, slots=True)
class _Answer:
    signature: str
    response: Response


class Tokens:
    """Innermost layer: replays moto's first answer; the layers above bring its state up to date."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], _Answer] = {}
        self.rules: Mapping[str, Rule] = {
            "ec2.RunInstances": self._once,
            "ec2.CreateNatGateway": self._once,
            "ec2.CreateRouteTable": self._once,
            "codebuild.StartBuild": self._build_once,
        }

    def _once(self, request: Request, proceed: Proceed) -> Response:
        return self._replay(request, proceed, "ClientToken", "IdempotentParameterMismatch")

    def _build_once(self, request: Request, proceed: Proceed) -> Response:
        return self._replay(request, proceed, "idempotencyToken", "InvalidInputException")

    def _replay(
        self, request: Request, proceed: Proceed, parameter: str, mismatch: str
    ) -> Response:
        token = request.parameters.get(parameter)
        if not token:
            return proceed(request)
        if len(token) > _LONGEST_TOKEN:
            request.refuse("InvalidParameterValue", f"Client token longer than 64: {token}")
        signature = _signature(request, parameter)
        known = self._answers.get((request.name, token))
        if known is None:
            known = _Answer(signature, proceed(request))
            self._answers[request.name, token] = known
        elif known.signature != signature:
            request.refuse(mismatch, f"Token {token} was used before with other parameters")
        return copy.deepcopy(known.response)


def _signature(request: Request, token_parameter: str) -> str:
    parameters = {key: value for key, value in request.parameters.items() if key != token_parameter}
    text = json.dumps(parameters, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
