#!/usr/bin/env python3
"""Write the facts of this machine for the agent, whole or not at all: `machine.py FILE`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # this folder is proved by SHA256SUMS: nothing may appear in it

from lamplighter_agent import facts, settings  # noqa: E402 - the line above comes first

(name,) = sys.argv[1:]
told = settings.parse(Path(os.environ["DEPLOYMENT_ENV"]).read_text())
target = Path(name)
new = target.with_name(f"{target.name}.new")
new.write_text(json.dumps(facts.gather(told, Path(os.environ.get("ROOT", "/")), facts.run)) + "\n")
new.chmod(0o644)
new.replace(target)
