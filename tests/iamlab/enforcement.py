"""IAM in front of the emulated account: a function's call passes if its role allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from awssim.request import Proceed, Response, Rule
from awssim.request import Request as Call
from simlab import World
from simlab.functions import Lambda

from iamlab import policies
from iamlab.evaluation import Request, allowed
from iamlab.requests import needed


class Enforcement:
    """The outermost layer of an account.

    asked: function -> what its calls needed, each once. denied: what was refused, as sentences.
    """

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Request]] = {}
        self.denied: list[str] = []
        self.rules: Mapping[str, Rule] = _Every(self._decide)
        self._function = ""

    @contextmanager
    def of(self, world: World) -> Iterator[None]:
        """Be in force in this world."""
        invoke = Lambda.invoke

        def invoked(known: Lambda, arn: str, event: Any) -> Any:
            self._function = arn.rpartition(":")[2]
            self.asked.setdefault(self._function, {})
            try:
                return invoke(known, arn, event)
            finally:
                self._function = ""

        self._account = world.account
        self._account.layers = (self, *self._account.layers)
        with mock.patch.object(Lambda, "invoke", invoked):
            yield

    def _decide(self, call: Call, proceed: Proceed) -> Response:
        if not self._function or self._account._uncounted:  # not the function's own
            return proceed(call)
        for request in needed(call):
            self.asked[self._function].setdefault(str(request), request)
            if not allowed(policies.of(self._function), request):
                self.denied.append(f"{self._function} may not {request}")
                code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
                call.refuse(code, self.denied[-1], status=403)
        return proceed(call)


class _Every(Mapping[str, Rule]):
    """The same rule for every call."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def __getitem__(self, _: str) -> Rule:
        return self._rule

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
