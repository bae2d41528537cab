#!/usr/bin/env python3
"""Describe the state of this host as one JSON document; reads only: `diagnose.py [--upload]`."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # SHA256SUMS lists what is in this folder: nothing is added
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from host.diagnose.__main__ import main  # noqa: E402 - the lines above come first

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
