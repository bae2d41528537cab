#!/usr/bin/env python3
"""Tell how this host is, as one JSON document; repairs nothing: `diagnose.py [--upload]`."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # this folder is proved by SHA256SUMS: nothing may appear in it
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from host.diagnose.__main__ import main  # noqa: E402 - the lines above come first

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
