"""A notice as a value: what an e-mail, a chat message or a page at night says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orchestrator.masking import masked

# Less than 100 characters on one line: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MOST_SUBJECT = 99
_MOST_TEXT = 1500  # characters of a part whose text a host or AWS wrote
_INDENT = 8


class Kind(StrEnum):
    """What a notice is about; a deployment gets the same kind once an hour at most."""

    REPAIRED = "repaired"
    REPAIR_FAILED = "repair-failed"
    EXPLAINED = "explained"  # no repair helps
    WAITING_FOR_CAPACITY = "waiting-for-capacity"
    BUDGET_80 = "budget-80"
    BUDGET_100 = "budget-100"
    CERTIFICATE = "certificate"
    EXPIRES = "expires"  # it is torn down within a day
    EXPIRED = "expired"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The last notice of the same kind: when it was published, and what it stands for.

    repeats: how often the same happened within the hour after it.
    """

    at: str
    repeats: int


@dataclass(frozen=True, slots=True)
class Notice:
    """key: with the kind, what it is about; notices of one incident share it.

    title: names the deployment. what, action: sentences. since: ISO-8601 UTC. action: what is being
    done, or must be done. commands: complete command lines. place: which installation. deployment,
    incident: empty where it is about none.
    """

    kind: Kind
    key: str
    title: str
    what: str
    since: str
    action: str
    commands: tuple[str, ...]
    place: str
    deployment: str = ""
    incident: str = ""

    @property
    def subject(self) -> str:
        """Fit for SNS: printable ASCII on one line."""
        text = " ".join(masked(f"Lamplighter: {self.title}").split())
        shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
        return shown if len(shown) <= MOST_SUBJECT else f"{shown[: MOST_SUBJECT - 3]}..."

    def body(self, earlier: Earlier | None = None) -> str:
        """Return the message; `earlier` is mentioned where it stands for others."""
        parts = [
            ("What", _short(self.what)),
            ("Since", moment(self.since)),
            ("Now", _short(self.action)),
            ("Run", f"\n{' ' * _INDENT}".join(self.commands)),
            ("About", self._about()),
        ]
        if earlier and earlier.repeats:
            parts.insert(2, ("Also", _mentioned(earlier)))
        return "".join(f"{f'{name}:':<{_INDENT}}{text}\n" for name, text in parts)

    def _about(self) -> str:
        of = f"deployment {self.deployment}, " if self.deployment else ""
        incident = f", incident {self.incident}" if self.incident else ""
        return f"{of}{self.place}{incident}"


def moment(at: str) -> str:
    """Return an ISO-8601 time as people read it, in UTC."""
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _mentioned(earlier: Earlier) -> str:
    times = "once more" if earlier.repeats == 1 else f"{earlier.repeats} more times"
    return f"it happened {times} in the hour after the last notice, {moment(earlier.at)}"


def _short(text: str) -> str:
    clean = masked(" ".join(text.split()))
    return clean if len(clean) <= _MOST_TEXT else f"{clean[: _MOST_TEXT - 3]}..."
