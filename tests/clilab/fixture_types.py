"""What the fixtures of tests/cli are, for the annotations of its tests."""

from collections.abc import Callable
from typing import Any

from click.testing import Result
from lamplighter.aws.executions import Change, Outcome

Run = Callable[..., Result]
Lock = Callable[[str, dict[str, Any]], str]
Origins = Callable[[dict[str, str]], None]
Follow = Callable[[str], tuple[list[Change], Outcome]]
Read = Callable[..., dict[str, Any]]
Shown = Callable[..., str]
