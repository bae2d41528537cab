"""All hostile conversations, by name."""

from __future__ import annotations

from hostile.cases import bodies, conduct, framing, lines
from hostile.gate import MAX_BODY

CASES = {
    case.name: case
    for case in (*bodies.cases(MAX_BODY), *framing.cases(), *lines.cases(), *conduct.cases())
}
