"""Print the set-up's phase as the agent's spool has it: `phase PHASE PERCENT [CAUSE]`."""

import json
import sys

phase, percent, *cause = sys.argv[1:]
line = {"phase": phase, "percent": int(percent), "cause": cause[0] if cause else None}
sys.stdout.write(json.dumps(line) + "\n")
