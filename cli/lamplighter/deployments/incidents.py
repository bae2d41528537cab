"""The incidents of a deployment: their ids, their rungs, what is left to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from lamplighter.aws.rows import Incident
from lamplighter.errors import UnknownIncident, WrongUsage

NEWEST = "last"


@dataclass(frozen=True, slots=True)
class Rung:
    """A step that a repair took; empty is unknown. Times are ISO-8601 UTC.

    outcome: open, helped or in vain; error: what ended it in vain.
    """

    rung: str = ""
    why: str = ""
    at: str = ""
    ended_at: str = ""
    outcome: str = ""
    error: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it goes on."""
        if not self.at or not self.ended_at:
            return None
        taken = datetime.fromisoformat(self.ended_at) - datetime.fromisoformat(self.at)
        return taken.total_seconds()


def rungs(incident: Incident) -> list[Rung]:
    """Return the steps in their order; what is of another form is left out."""
    try:
        found = json.loads(incident.rungs or "[]")
    except ValueError:
        return []
    known = {each.name for each in fields(Rung)}
    steps = (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()
    return [
        Rung(**{k: v for k, v in each.items() if k in known and _is_read(k, v)}) for each in steps
    ]


def _is_read(name: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return not name.endswith("at") or datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def identity(incident: Incident) -> str:
    """Return the incident's id: the second in which it was opened."""
    return f"{datetime.fromisoformat(incident.opened_at).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def named(incidents: Sequence[Incident], text: str, name: str) -> Incident:
    """Return the incident of this id, of its beginning, or of this execution; `last`: the newest.

    UnknownIncident: there is none. WrongUsage: there are several.
    """
    if text == NEWEST and incidents:
        return incidents[-1]
    found = [each for each in incidents if _is_named(each, text)]
    if not found:
        known = ", ".join(map(identity, reversed(incidents[-5:])))
        newest = f"the newest: {known}" if known else "it has had none"
        raise UnknownIncident(f"{name} has no incident {text!r} ({newest})")
    if len(found) > 1:
        ids = list(map(identity, found))
        each = ids if len(set(ids)) == len(ids) else list(map(_execution, found))
        begins = f"{text!r} is the beginning of {len(found)} incidents' ids"
        raise WrongUsage(f"{begins}; name one of: {', '.join(each)}")
    return found[0]


def document(incident: Incident) -> dict[str, Any]:
    """Return it for machines: with its id, and its rungs as objects."""
    steps = [asdict(rung) | {"seconds": rung.seconds} for rung in rungs(incident)]
    return {"id": identity(incident)} | asdict(incident) | {"rungs": steps}


def to_do(incident: Incident, name: str) -> str:
    """Return what is left to a person."""
    match incident.outcome:
        case "":
            return f"wait: the repair goes on; `lamplighter events {name} --follow` shows it"
        case "repaired":
            return "nothing"
        case "no-capacity":
            return f"nothing: it is tried again; `lamplighter repair {name}` tries now"
        case "aborted":
            return (
                "nothing if it serves: the next repair finishes what this one left; "
                f"`lamplighter repair {name}` looks now"
            )
    return f"remove the cause; then `lamplighter repair {name}` tries again"


def _is_named(incident: Incident, text: str) -> bool:
    begins = identity(incident).startswith(text.replace(" ", "T"))
    return begins or text in {incident.execution, _execution(incident)} - {""}


def _execution(incident: Incident) -> str:
    return incident.execution.rpartition(":")[2]
