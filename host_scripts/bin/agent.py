#!/usr/bin/env -S python3 -B
"""The host agent: tells the orchestrator what this machine does (wired in its main.py)."""

import sys

sys.dont_write_bytecode = True  # this folder is proved by SHA256SUMS: nothing may appear in it

from lamplighter_agent.main import main  # noqa: E402 - the line above comes first

if __name__ == "__main__":
    main()
