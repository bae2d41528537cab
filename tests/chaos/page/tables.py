"""docs/chaos.md: its tables are written by `make chaos`, between two comments each."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from chaos.faults import FAULTS, Fault
from chaos.goals import missed
from chaos.page import quiet
from chaos.page.modes import MODES
from chaos.trial import Outcome

PAGE = Path(__file__).parents[3] / "docs" / "chaos.md"
PICTURE = PAGE.with_name("chaos.svg")
_MOST_RUNS = 6
_HEADINGS = (
    *("fault", "found by", "known, s", "repair began, s", "rungs", "serves again, s"),
    *("executions", "launches", "requests failed", "goals"),
)


def written(text: str, name: str, content: str) -> str:
    """Return the page with another content at the place of that name."""
    place = re.compile(rf"(<!-- chaos: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if len(place.findall(text)) != 1:
        raise ValueError(f"{PAGE.name} has no place, or several, for {name!r}")
    return place.sub(lambda found: f"{found[1]}\n{content}\n{found[2]}", text)


def shown(text: str, name: str) -> str:
    """Return what the page has at the place of that name."""
    found = re.search(rf"<!-- chaos: {name} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    return found[1] if found else ""


def read(text: str) -> dict[str, list[str]]:
    """Return the cells of a table of faults, by fault."""
    rows = re.findall(r"^\| `([a-z-]+)`[^|]*\|(.*)\|$", text, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def faults(outcomes: Iterable[Outcome], known: Mapping[str, Fault] = FAULTS) -> str:
    return table(_HEADINGS, (row(each, known) for each in outcomes))


def row(outcome: Outcome, known: Mapping[str, Fault] = FAULTS) -> tuple[str, ...]:
    fault = known[outcome.fault]
    what = f"{fault.what}, {outcome.hours:.0f} hours" if fault.is_quiet else fault.what
    again = _number(outcome.serving) if outcome.ended == "serves" else outcome.ended
    return (
        f"`{outcome.fault}`: {what}",
        outcome.source or "",
        _number(outcome.known),
        _number(outcome.began),
        ", ".join(_grouped(outcome.rungs)),
        again,
        str(outcome.executions),
        str(len(outcome.launches)),
        str(outcome.failed),
        "; ".join(missed(outcome, fault)) or "hold",
    )


def month(counted: quiet.Counted) -> str:
    lines = quiet.lines(counted)
    rows = [
        (each.what, _amount(each.amount), f"{each.usd:.2f}", f"{each.usd_beyond_free:.2f}")
        for each in lines
    ]
    total = (sum(each.usd for each in lines), sum(each.usd_beyond_free for each in lines))
    rows.append(("all", "", *(f"**{usd:.2f}**" for usd in total)))
    headings = ("in a month", "how many", "USD", "USD beyond the free tier")
    own = f"The deployment's own {counted.alarms} alarms: {0.1 * counted.alarms:.2f} USD."
    looks = f"Of all this, the looks of every minute: {quiet.of_looks(counted):.2f} USD."
    return f"{table(headings, rows)}\n\nCounted over {counted.hours:g} hours. {looks} {own}"


def beside(virtual: quiet.Counted, local: quiet.Counted) -> str:
    """Return what both have counted, for thirty days, and what that costs."""
    known = {line.what: line for line in quiet.lines(virtual)}
    rows = [
        (
            line.what,
            _amount(known[line.what].amount),
            _amount(line.amount),
            f"{known[line.what].usd:.2f}",
            f"{line.usd:.2f}",
        )
        for line in quiet.lines(local)
    ]
    totals = (sum(line.usd for line in quiet.lines(each)) for each in (virtual, local))
    rows.append(("all", "", "", *(f"**{usd:.2f}**" for usd in totals)))
    headings = ("in a month", "virtual time", "local AWS", "USD, virtual time", "USD, local AWS")
    return table(headings, rows)


def _amount(number: float) -> str:
    return f"{number:,.2f}".removesuffix(".00")


def modes() -> str:
    rows = [
        (str(number), mode.what, mode.ends, ", ".join(map(_shown, mode.shown_by)))
        for number, mode in enumerate(MODES, 1)
    ]
    return table(("", "failure", "how it ends", "shown by"), rows)


def _shown(test: str) -> str:
    """A fault by its name, a test by its file and its sentence."""
    file, _, function = test.partition("::")
    if not function:
        return f"`{file}`"
    return f"{function.removeprefix('test_').replace('_', ' ')} (`tests/{file}`)"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _grouped(rungs: Sequence[str]) -> list[str]:
    """Return the rungs; what was repeated in a row has a number, and so has each where many are."""
    runs = [(rung, len(list(same))) for rung, same in itertools.groupby(rungs)]
    if len(runs) > _MOST_RUNS:
        runs = list(Counter(rungs).items())
    return [f"{times} x {rung}" if times > 1 else rung for rung, times in runs]


def _number(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.0f}"
