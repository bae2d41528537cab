"""Which instance types share a vCPU quota; on-demand and spot have quotas of their own.

https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import re

# By the letters before the digits of a type, e.g. `g` of g6.xlarge; all others are `Standard`'s.
_FAMILIES = {
    **dict.fromkeys(("g", "gr", "vt"), "G and VT"),
    "p": "P",
    "f": "F",
    "inf": "Inf",
    "trn": "Trn",
    "dl": "DL",
    "hpc": "HPC",
    "x": "X",
    "u": "High Memory",
}


def family(instance_type: str) -> str:
    """Return the family whose quota counts the type's vCPUs, e.g. `G and VT` of g6.xlarge."""
    letters = re.match(r"[a-z]+", instance_type)
    return _FAMILIES.get(letters[0] if letters else "", "Standard")
