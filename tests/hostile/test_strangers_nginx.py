"""What 500 callers at once cost who may do nothing here, through nginx and the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostile.strangers.costs import CONNECTIONS, KINDS, Kind, measure
from hostile.strangers.stack import stacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.host

MOST_MEMORY = 64 * 1024  # bytes, for each connection
MOST_LOGGED = 1024  # for each request: a line of nginx and one of the gateway


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_stranger_costs_little_memory_no_disk_and_no_work_of_the_engine(
    tmp_path: Path, kind: Kind
) -> None:
    with stacked(tmp_path) as stack:
        cost = measure(stack, kind)

    assert cost.statuses == {kind.status: CONNECTIONS}
    assert cost.connections > CONNECTIONS // 4  # those that were refused are soon closed
    assert cost.disk == 0
    assert cost.engine == 0
    assert 0 < cost.each <= MOST_MEMORY
    assert cost.logged <= MOST_LOGGED * CONNECTIONS
