"""What a provision is asked for: a specification, and beside it what is none of it.

{"name": "prod", "model": ..., "asked_by": "alice"}
{"name": "prod", "rotate": true}    the specification that serves, on a new host
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from orchestrator.errors import InvalidRequest
from orchestrator.masking import shown

_MOST_CHARACTERS = 2048  # of an ARN


@dataclass(frozen=True, slots=True)
class Request:
    """document: the specification as it was written. rotate: a new host even if nothing differs.

    asked_by: who asks, as the caller says; empty: the workflow's name has to do.
    """

    document: Any = None
    rotate: bool = False
    asked_by: str = ""

    @classmethod
    def of(cls, document: Any) -> Self:
        """Raise InvalidRequest where rotate or asked_by are of another form."""
        if not isinstance(document, dict):
            return cls(document)
        rest = {key: value for key, value in document.items() if key not in {"rotate", "asked_by"}}
        rotate, asked_by = document.get("rotate", False), document.get("asked_by", "")
        if not isinstance(rotate, bool):
            raise InvalidRequest(f"rotate: {shown(rotate)} is neither true nor false")
        if not isinstance(asked_by, str) or len(asked_by) > _MOST_CHARACTERS:
            raise InvalidRequest(
                f"asked_by: {shown(asked_by)} is no text of at most {_MOST_CHARACTERS} characters"
            )
        return cls(rest, rotate, asked_by)

    @property
    def is_of_what_serves(self) -> bool:
        """Whether the stored specification is meant: the request names the deployment only."""
        return self.rotate and isinstance(self.document, dict) and set(self.document) == {"name"}
