"""A gateway for all hostile suites of a module, and the same with the rendered nginx before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clients.lab import Lab, borrowed
from host_scripts.front import Front

from hostile.gate import SETTINGS, Gate
from hostile.wire import Door

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with borrowed(**SETTINGS) as lab:
        yield Gate(lab, Door(lab.port))
        assert_calm(lab)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    front = Front(
        folder, endpoint_host="", email="", default_timeout_seconds=5, max_timeout_seconds=20
    )
    with borrowed(PORT=str(front.up), **SETTINGS) as lab:
        process = front.start()
        yield Gate(lab, Door(front.https, tls=True))
        process.terminate()
        process.wait(10)
        assert_calm(lab)


def assert_calm(lab: Lab) -> None:
    """Nothing that came was a surprise to the gateway."""
    log = Path(lab.log).read_text()
    assert "Traceback" not in log
    assert '"level":"error"' not in log
