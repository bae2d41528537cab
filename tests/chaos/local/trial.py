"""One sample: the fault strikes under a client, and what happened is read from the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from patience import eventually
from twinlab import Installation
from workflow.clients import Client

from chaos.faults import SERVES
from chaos.local.faults import NAME, Notice, Sample
from chaos.trial import Outcome

SPEC = {"name": NAME, "model": "m", "dns": {"domain": "demo.test", "ttl_seconds": 5}}
_PATIENCE = 420.0
_LASTS = 60.0  # of what does no harm
_EVERY = 0.5


def play(name: str, sample: Sample, aws: Installation) -> Outcome:
    """Make the deployment anew (what was repaired before bounds what follows), and strike."""
    cpu = time.process_time()
    if any(row["sk"] == "deployment" for row in aws.rows(NAME)):
        aws.down(NAME)
    aws.up(**SPEC)
    with _asking(aws) as client:
        started, struck = set(aws.executions("repair")), time.time()
        sample.fault.strike(aws)  # type: ignore[arg-type]
        watched = _Watched(aws, client, struck)
        eventually(lambda: watched.is_over(sample.notice), bool, _PATIENCE)
        aws.quiet()
        repairs = set(aws.executions("repair")) - started
        return watched.counted(name, len(repairs), time.process_time() - cpu)


@contextmanager
def _asking(aws: Installation) -> Iterator[Client]:
    client = Client(aws, NAME)
    client.start()
    try:
        eventually(client.answers, bool, 120)
        yield client
    finally:
        client.stop()


class _Watched:
    """warned: when the host's first warning was seen."""

    def __init__(self, aws: Installation, client: Client, struck: float) -> None:
        self._aws, self._client, self._struck = aws, client, struck
        self._warned: float | None = None

    def is_over(self, notice: Notice) -> bool:
        time.sleep(_EVERY)
        if self._warned is None and self._aws.newest_host(NAME).get("warnings"):
            self._warned = time.time()
        return self._has_come(notice) and self._client.answers()

    def _has_come(self, notice: Notice) -> bool:
        if notice is Notice.REPAIR:
            return bool(self._incidents()) and not self._works()
        if notice is Notice.OUTAGE:
            return bool(self._failed())
        if notice is Notice.WARNING:
            return self._warned is not None
        return time.time() - self._struck > _LASTS

    def _works(self) -> bool:
        return any(row["sk"] == "lock" for row in self._aws.rows(NAME))

    def _incidents(self) -> list[dict[str, Any]]:
        return self._aws.repairs(NAME)

    def _failed(self) -> list[float]:
        return [moment for moment in self._client.failed if moment >= self._struck]

    def counted(self, name: str, executions: int, cpu: float) -> Outcome:
        incidents, failed = self._incidents(), self._failed()
        first = incidents[0] if incidents else {}
        source, known = self._noticed(first)
        status = self._aws.deployment(NAME)["status"]
        serves = status == "serving" and self._client.answers()
        outcomes = [each.get("outcome") for each in incidents]
        return Outcome(
            fault=name,
            seed=0,
            ended=SERVES if serves else str(status),
            source=source,
            known=known,
            began=self._since(first.get("began_at")),
            rungs=tuple(
                each["rung"] for row in incidents for each in json.loads(row.get("rungs") or "[]")
            ),
            serving=round(failed[-1] - self._struck, 1) if failed else 0.0,
            executions=executions,
            repaired=outcomes.count("repaired"),
            failed_repairs=outcomes.count("failed"),
            failed=len(failed),
            launches=tuple(self._launches()),
            hours=round((time.time() - self._struck) / 3600, 2),
            cpu=round(cpu, 1),
        )

    def _noticed(self, incident: dict[str, Any]) -> tuple[str | None, float | None]:
        """Return by whom, and after how many seconds: the incident's word, else the host's own."""
        if incident:
            return incident.get("source"), self._since(incident.get("detected_at"))
        said = [
            moment
            for row in self._aws.rows(NAME)
            if row.get("what") == "phase" and not row["text"].startswith("serving")
            if (moment := _seconds(row["at"])) >= self._struck
        ]
        found = [*said, *([self._warned] if self._warned else [])]
        if found:
            return "host", round(min(found) - self._struck, 1)
        return ("systemd" if self._failed() else None), None

    def _launches(self) -> Iterator[float]:
        for row in self._aws.rows(NAME):
            at = _seconds(row["launched_at"]) if row["sk"].startswith("host#") else 0.0
            if at >= self._struck:
                yield round(at - self._struck, 1)

    def _since(self, moment: str | None) -> float | None:
        return None if moment is None else round(max(0.0, _seconds(moment) - self._struck), 1)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
