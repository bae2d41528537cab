"""Whether two policy documents say the same, however AWS writes them down.

It keeps neither the order of a list's members nor a list of one:
https://github.com/hashicorp/terraform/issues/2432
"""

from __future__ import annotations

import json
from typing import Any


def same(there: Any, wanted: Any) -> bool:
    """Return whether both allow and deny the same; None is no document."""
    return bool(_plain(there) == _plain(wanted))


def _plain(node: Any) -> Any:
    """Return it with lists in an order of our own, and a list of one as its member."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if not isinstance(node, list):
        return node
    members = sorted(map(_plain, node), key=lambda each: json.dumps(each, sort_keys=True))
    return members[0] if len(members) == 1 else members
