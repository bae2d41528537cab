"""The events of the account's default bus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hostlab.breaking import listening

PATTERN = {"source": ["aws.ec2", "aws.health", "aws.cloudwatch"]}


@pytest.fixture
def events(account: Any) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what the account's default bus got since the last call."""
    yield from listening(account, "default", PATTERN)
