"""Every hostile conversation, at the gateway's own door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hostile.cases import slow
from hostile.cases.corpus import CASES
from hostile.gate import MAX_BODY

if TYPE_CHECKING:
    from hostile.gate import Gate


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_request_ends_in_plain_words_or_a_close(gate: Gate, name: str) -> None:
    wrong = gate.attempt(CASES[name])

    assert not wrong, "\n".join(wrong)


def test_slow_clients_are_let_go(gate: Gate) -> None:
    cases = slow.cases(MAX_BODY)

    with ThreadPoolExecutor(len(cases)) as threads:
        found = dict(
            zip((case.name for case in cases), threads.map(gate.heard, cases), strict=True)
        )

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert gate.aftermath() == []


def test_a_good_request_passes_after_all_of_it(gate: Gate) -> None:
    assert gate.attempt(CASES["a request byte by byte"]) == []
