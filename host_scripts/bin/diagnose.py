#!/usr/bin/env python3
"""Tell how this host is, as one JSON document; repairs nothing: `diagnose.py [--upload]`."""

import sys

sys.dont_write_bytecode = True  # this folder is proved by SHA256SUMS: nothing may appear in it

from lamplighter_diagnose.main import main  # noqa: E402 - the line above comes first

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
