"""What is wrong with a host, as sentences; what keeps it from serving comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from host.diagnose import shortages, troubles, verdicts
from host.diagnose.texts import one_line

Facts = dict[str, Any]

_MOST = 40  # sentences

_JUDGES: tuple[Callable[[Facts], Iterator[str]], ...] = (
    troubles.setup_failed,
    troubles.units_failed,
    troubles.units_down,
    troubles.containers,
    shortages.gpus,
    verdicts.layers,
    verdicts.nginx,
    shortages.disks,
    shortages.kernel,
    troubles.files,
    troubles.setup_unfinished,
    shortages.memory,
    verdicts.certificate,
    verdicts.repairs,
    shortages.clock,
    troubles.foreign_units,
    troubles.unanswered,
)


def found(facts: Facts) -> list[str]:
    """Return them; none for a healthy host. Any fact may be missing or malformed."""
    return [one_line(each) for judge in _JUDGES for each in _judged(judge, facts)][:_MOST]


def _judged(judge: Callable[[Facts], Iterator[str]], facts: Facts) -> list[str]:
    try:
        return list(judge(facts))
    except Exception as error:  # noqa: BLE001 - an unforeseen fact must not hide the others
        return [f"{judge.__name__} could not be judged: {type(error).__name__}: {error}"]
