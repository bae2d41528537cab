"""What is changed of a deployment that serves, in words; and the specifications that served."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamplighter.aws.rows import Records, Spec
from lamplighter.errors import Conflict

_SHOWN = 60  # characters of a value


@dataclass(frozen=True, slots=True)
class Kept:
    """A specification that served. number: 0 is the present one, 1 the one before it."""

    number: int
    at: str
    by: str
    generation: int
    changed: tuple[Mapping[str, Any], ...]
    spec: Mapping[str, Any]

    @property
    def differences(self) -> str:
        return "; ".join(map(difference, self.changed))


def kept(records: Records) -> list[Kept]:
    """Return the specifications that served, the newest first."""
    return [_kept(number, one) for number, one in enumerate(reversed(records.specs))]


def _kept(number: int, one: Spec) -> Kept:
    try:
        spec, changed = json.loads(one.spec), tuple(json.loads(one.changed or "[]"))
    except ValueError:
        raise Conflict(
            f"the specification of {one.at} is in a form that this lamplighter does not read: a "
            "newer one may"
        ) from None
    return Kept(number, one.at, one.by, one.generation, changed, spec)


def difference(each: Mapping[str, Any]) -> str:
    """Return e.g. `model: "a" -> "b"`."""
    return f"{each['key']}: {_value(each['old'])} -> {_value(each['new'])}"


def described(change: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each difference of a plan: how it is made, and why so."""
    for each in change["differences"]:
        yield f"change: {difference(each)}: {each['how']} ({each['why']})"
    if change["new_host"]:
        yield (
            "a host of a new generation is launched beside the one that serves, answers prompts, "
            "and gets the traffic; if it fails, nothing changes"
        )
    yield f"expected gap: {change['gap_seconds']} s at most ({change['gap']})"


def consequence(name: str, place: str, change: Mapping[str, Any]) -> str:
    """Return what an operator is asked to agree to."""
    keys: Sequence[str] = [each["key"] for each in change["differences"]]
    what = ", ".join(keys) or "its host, for a new one of the same specification"
    return (
        f"this changes {name} in {place}: {what}; expected gap: {change['gap_seconds']} s at most"
    )


def _value(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
