"""The same conversations through nginx, as it stands before the gateway on a host."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hostile.cases import slow
from hostile.cases.corpus import CASES
from hostile.gate import MAX_BODY

if TYPE_CHECKING:
    from hostile.gate import Gate

pytestmark = pytest.mark.host
# TLS has no half-closed connection that Python could make.
SAYABLE = [name for name, case in CASES.items() if not case.half_close]


@pytest.mark.parametrize("name", SAYABLE)
def test_a_hostile_request_ends_in_plain_words_or_a_close(nginx: Gate, name: str) -> None:
    wrong = nginx.attempt(CASES[name])

    assert not wrong, "\n".join(wrong)


def test_slow_clients_are_let_go(nginx: Gate) -> None:
    cases = slow.cases(MAX_BODY)

    with ThreadPoolExecutor(len(cases)) as threads:
        heard = dict(
            zip((case.name for case in cases), threads.map(nginx.heard, cases), strict=True)
        )

    assert {name: wrong for name, wrong in heard.items() if wrong} == {}
    assert nginx.aftermath() == []
