# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Tags of a parameter that is not there: ministack has none, AWS knows no such resource.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ssm
from twin.emulator.pinned import require


def install() -> None:
    require(holds=callable(ssm._list_tags_for_resource), fix="tags of a missing parameter")
    require(holds=callable(ssm._lookup_parameter), fix="tags of a missing parameter")
    original = ssm._list_tags_for_resource

    def listed(data: dict[str, Any]) -> Any:
        name = data.get("ResourceId", "")
        if data.get("ResourceType") == "Parameter" and not ssm._lookup_parameter(name)[1]:
            return error_response_json("InvalidResourceId", f"{name} is no parameter", 400)
        return original(data)

    ssm._list_tags_for_resource = listed
