"""Faults planted at calls: the process dies, AWS refuses, or the reply is lost.

`before` the call nothing has happened on AWS; `after` it the effect is there and only the caller
does not know. A reply lost on the wire is `when="after"` with botocore's ReadTimeoutError.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from awssim.calls import Call

When = Literal["before", "after"]


class Crash(BaseException):
    """The Lambda process died here. No `except Exception` of the code under test can catch it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An AWS error that is not yet bound to an operation."""

    code: str
    message: str = ""
    status: int = 400

    def of(self, operation: str) -> ClientError:
        return ClientError(
            {
                "Error": {"Code": self.code, "Message": self.message or self.code},
                "ResponseMetadata": {
                    "HTTPStatusCode": self.status,
                    "RequestId": "awssim",
                    "HostId": "",
                    "HTTPHeaders": {},
                    "RetryAttempts": 0,
                },
            },
            operation,
        )


def error(code: str, message: str = "", *, status: int = 400) -> Refusal:
    return Refusal(code, message, status)


@dataclass(slots=True)
class Fault:
    """Strikes the calls that match every condition given, `times` times (None: for ever)."""

    when: When
    error: Refusal | Exception | None
    operation: str | None = None
    number: int | None = None
    where: Callable[[Call], bool] | None = None
    times: int | None = 1

    def matches(self, call: Call, when: When) -> bool:
        return (
            self.times != 0
            and self.when == when
            and self.operation in (None, call.operation)
            and self.number in (None, call.number)
            and (self.where is None or self.where(call))
        )

    def strike(self, call: Call) -> None:
        if self.times is not None:
            self.times -= 1
        if self.error is None:
            raise Crash(f"died {self.when} call {call}")
        raise self.error.of(call.operation) if isinstance(self.error, Refusal) else self.error


@dataclass(slots=True)
class Faults:
    planted: list[Fault] = field(default_factory=list)

    def plant(self, fault: Fault, *, crash: bool) -> None:
        if crash == (fault.error is not None):
            raise ValueError("a fault is either crash=True or error=..., not both and not neither")
        self.planted.append(fault)

    def unspent(self) -> list[Fault]:
        """Faults that still have a strike left: a test whose fault never struck proves nothing."""
        return [fault for fault in self.planted if fault.times]

    def meet(self, call: Call, when: When) -> None:
        """Raises what the first matching fault says; returns when none matches."""
        for fault in self.planted:
            if fault.matches(call, when):
                fault.strike(call)
