"""What EC2 says of this instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from host.machine import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_instance_asks_for_its_id_with_a_token_and_for_as_long_as_it_takes() -> None:
    calls: list[tuple[str, str]] = []
    pauses: list[float] = []
    answers: Iterator[Any] = iter([OSError("no route"), "token", "i-42"])

    def ask(_origin: str, method: str, _path: str, headers: dict[str, str]) -> str:
        [(header, value)] = headers.items()
        calls.append((method, f"{header}={value}"))
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return str(answer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "_exchange", ask)
        found = metadata.instance_id(pauses.append)

    assert (found, pauses) == ("i-42", [2])
    assert calls[1:] == [
        ("PUT", "X-aws-ec2-metadata-token-ttl-seconds=60"),
        ("GET", "X-aws-ec2-metadata-token=token"),
    ]
