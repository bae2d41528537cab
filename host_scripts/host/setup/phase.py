"""Print the line of the agent's spool, as JSON: `phase.py PHASE PERCENT [CAUSE]`."""

import json
import sys

phase, percent, *cause = sys.argv[1:]
line = {"phase": phase, "percent": int(percent), "cause": cause[0] if cause else None}
sys.stdout.write(json.dumps(line) + "\n")
