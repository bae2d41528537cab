#!/usr/bin/env python3
"""Start one part of this host again, as the agent asks in a file: lamplighter-repair.service."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True  # this folder is proved by SHA256SUMS: nothing may appear in it

from lamplighter_agent import repairs  # noqa: E402 - the line above comes first

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    request = Path(os.environ["REPAIR_FILE"])
    done = Path(os.environ["REPAIRS_FILE"])
    sys.exit(0 if repairs.carry_out(request, done, time.monotonic(), repairs.run) else 1)
