# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""AWS::SSM::Document of a template: ministack has no documents. They are kept in a file.

Supported is what Run Command needs: Content as an object, or as JSON; DocumentType Command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

from ministack.services.cloudformation import provisioners
from twin.emulator.pinned import require

Properties: TypeAlias = dict[str, Any]
_KIND = "AWS::SSM::Document"


class Documents:
    """By name: what Run Command may run."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def install(self) -> None:
        require(holds=_KIND not in provisioners._RESOURCE_HANDLERS, fix="SSM documents")
        require(holds=callable(provisioners._physical_name), fix="SSM documents")
        provisioners._RESOURCE_HANDLERS[_KIND] = {
            "create": self._create, "update": self._update, "delete": self._delete,
        }  # fmt: skip

    def script(self, name: str) -> str | None:
        """Return the shell script that a document runs; None for a name that no document has."""
        content = self._known().get(name)
        if content is None:
            return None
        lines = [
            line
            for step in content["mainSteps"]
            if step["action"] == "aws:runShellScript"
            for line in step["inputs"]["runCommand"]
        ]
        return "\n".join(lines)

    def _create(self, logical_id: str, properties: Properties, stack: str) -> Any:
        name = properties.get("Name") or provisioners._physical_name(stack, logical_id, max_len=128)
        if name in self._known():
            raise ValueError(f"document {name} already exists")
        return self._put(name, properties)

    def _update(self, name: str, _old: Properties, new: Properties, _stack: str) -> Any:
        return self._put(name, new)

    def _delete(self, name: str, _properties: Properties) -> None:
        self._write({key: each for key, each in self._known().items() if key != name})

    def _put(self, name: str, properties: Properties) -> Any:
        if properties.get("DocumentType", "Command") != "Command":
            raise ValueError(f"document {name}: the twin knows the type Command only")
        content = properties["Content"]
        parsed = json.loads(content) if isinstance(content, str) else content
        if parsed.get("schemaVersion") != "2.2" or not parsed.get("mainSteps"):
            raise ValueError(f"document {name}: the schema is not 2.2, or it has no mainSteps")
        self._write(self._known() | {name: parsed})
        return name, {}

    def _known(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def _write(self, documents: dict[str, Any]) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(documents), encoding="utf-8")
        new.replace(self._file)
