"""One gateway under attack: try a case on it and say all that went wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostile.cases.case import Case, verdict
from hostile.wire import Broken, Door, talk

if TYPE_CHECKING:
    from clients.lab import Lab

MAX_BODY = 10 * 1024 * 1024
SETTINGS = {
    "INFERENCE_MAX_BODY_BYTES": str(MAX_BODY),
    "INFERENCE_HEADER_SECONDS": "2",
    "INFERENCE_UPLOAD_GRACE_SECONDS": "2",
}
_IDLE_SECONDS = 5.0


@dataclass(frozen=True)
class Gate:
    """`door` is the gateway's own, or nginx's before it."""

    lab: Lab
    door: Door

    def attempt(self, case: Case) -> list[str]:
        """Play the case; return what is wrong with its end, and with what the engine saw of it."""
        before = self.lab.judged()
        wrong = self.heard(case)
        wrong += self.aftermath()
        after = self.lab.judged()
        if after["count"] - before["count"] > case.reaching(behind=self.door.tls):
            wrong.append(f"the engine saw {after['count'] - before['count']} requests")
        return wrong + [
            f"at the engine: {defect}" for defect in after["defects"][len(before["defects"]) :]
        ]

    def heard(self, case: Case) -> list[str]:
        try:
            heard = talk(
                self.door,
                case.pieces,
                bound=case.bound,
                head=case.head,
                expected=case.answers,
                leave=case.leave,
                half_close=case.half_close,
            )
        except Broken as error:
            return [f"an answer that is no HTTP: {error}"]
        return verdict(case, heard, behind=self.door.tls)

    def aftermath(self) -> list[str]:
        """Return whether a slot stays taken."""
        end = time.monotonic() + _IDLE_SECONDS
        while (left := self.lab.in_flight()) and time.monotonic() < end:
            time.sleep(0.005)
        return [f"{left} requests stay in flight"] if left else []
