"""How a program says that retrying does not help: one sentence, one exit status."""

import sys
from typing import NoReturn

REFUSED = 91  # lib.sh: refused


def refuse(sentence: str) -> NoReturn:
    """End with what is wrong, which, and what to do; never with a secret."""
    sys.stderr.write(f"{sentence}\n")
    sys.exit(REFUSED)
