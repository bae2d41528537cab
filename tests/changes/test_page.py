"""What a scenario's requests become on the page."""

from __future__ import annotations

from changes import page
from changes.client import Asked
from changes.scenarios import Outcome

ASKED = [
    Asked(0.0, is_stream=False, status=200, seconds=0.1, is_whole=True),
    Asked(1.2, is_stream=True, status=503, seconds=0.1, is_whole=False),
    Asked(3.7, is_stream=False, status="ConnectError", seconds=0.1, is_whole=False),
    Asked(5.0, is_stream=True, status=200, seconds=4.0, is_whole=False),
]
OUTCOME = Outcome("another <model>", False, ASKED, began=1.0, ended=4.0, error="")


def test_a_row_counts_what_was_refused_and_what_was_cut() -> None:
    row = page.table([OUTCOME]).splitlines()[-1]

    assert row == "| another <model> | address | 3 | 4 | 1 | 1 | 2 | 4.0 | 1 | 2.5 | 2.5 | made |"


def test_the_timeline_is_red_in_the_seconds_of_failures_only() -> None:
    drawn = page.drawn([OUTCOME])

    assert (drawn.count('class="down"'), drawn.count('class="ok"')) == (3, 3)
    assert "another &lt;model&gt;, by address" in drawn


def test_another_table_leaves_the_text_around_it() -> None:
    before = f"text\n{page._BEGIN}\nold\n{page._END}\nmore\n"

    after = page.written(before, "`make changes`, today.", [OUTCOME])

    assert after.startswith("text\n")
    assert after.endswith("more\n")
    assert "old" not in after
    assert page.written(after, "`make changes`, today.", [OUTCOME]) == after
