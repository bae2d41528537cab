"""The table and the timeline of docs/changes.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from changes.scenarios import Outcome

ROOT = Path(__file__).parents[2]
PAGE, PICTURE = ROOT / "docs" / "changes.md", ROOT / "docs" / "changes.svg"
_BEGIN, _END = "<!-- changes: table -->", "<!-- end -->"
_HEADINGS = (
    *("change", "reached by", "workflow, s", "requests", "refused", "no answer"),
    *("streams", "longest, s", "cut", "gap, s", "of it rest, s", "ends"),
)
_WIDTH, _LEFT, _ROW, _TOP = 1000, 330, 26, 16
_STYLE = """
svg { color-scheme: light dark; font: 12px system-ui, sans-serif; }
text { fill: #1f2933; } .quiet { fill: #52606d; } .page { fill: #ffffff; }
.ok { fill: #2f8f5b; } .down { fill: #c5362e; } .change { fill: #2f6db3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .quiet { fill: #9aa5b1; } .page { fill: #14181d; }
  .ok { fill: #3aa76d; } .down { fill: #e5534b; } .change { fill: #4a90d9; }
}"""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the rows, one a scenario."""
    head = "| " + " | ".join(_HEADINGS) + " |\n|" + " --- |" * len(_HEADINGS) + "\n"
    return head + "\n".join(map(_row, outcomes)) + "\n"


def _row(outcome: Outcome) -> str:
    streams = sum(each.is_stream for each in outcome.asked)
    unanswered = len(outcome.unanswered)
    cells = (
        outcome.name,
        "name" if outcome.is_named else "address",
        f"{outcome.ended - outcome.began:.0f}",
        str(len(outcome.asked)),
        str(len(outcome.refused) - unanswered),
        str(unanswered),
        str(streams),
        f"{outcome.longest:.1f}",
        str(len(outcome.cut)),
        f"{outcome.gap:.1f}",
        f"{outcome.rest:.1f}",
        f"`{outcome.error}`, what served serves on" if outcome.error else "made",
    )
    return f"| {' | '.join(cells)} |"


def written(text: str, said: str, outcomes: Sequence[Outcome]) -> str:
    """Return the page with another table; said: how it was made."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{said}\n\n{table(outcomes)}\n{_END}{after}"


def drawn(outcomes: Sequence[Outcome]) -> str:
    """Return the timeline as an SVG: for each scenario its seconds, red where one failed."""
    tall = _TOP + _ROW * len(outcomes) + 34
    longest = max(each.asked[-1].at for each in outcomes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {tall}" role="img">',
        f"<title>What clients saw, second by second</title><style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{tall}"/>',
        *(part for row, each in enumerate(outcomes) for part in _line(row, each, longest)),
        *_seconds(longest, tall),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _line(row: int, outcome: Outcome, longest: float) -> Iterator[str]:
    y, scale = _TOP + _ROW * row, (_WIDTH - _LEFT - 20) / longest
    how = "name" if outcome.is_named else "address"
    yield f'<text x="8" y="{y + 13}">{escape(f"{outcome.name}, by {how}")}</text>'
    failed = {int(each.at) for each in (*outcome.refused, *outcome.cut)}
    for second in range(int(outcome.asked[-1].at) + 1):
        kind = "down" if second in failed else "ok"
        x = _LEFT + second * scale
        yield f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{scale:.2f}" height="12"/>'
    x, width = _LEFT + outcome.began * scale, (outcome.ended - outcome.began) * scale
    yield f'<rect class="change" x="{x:.1f}" y="{y + 14}" width="{width:.1f}" height="5"/>'


def _seconds(longest: float, tall: int) -> Iterator[str]:
    scale = (_WIDTH - _LEFT - 20) / longest
    for second in range(0, int(longest) + 1, 15):
        x = _LEFT + second * scale
        yield f'<text class="quiet" x="{x:.0f}" y="{tall - 10}">{second} s</text>'
