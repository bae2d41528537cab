"""The golden documents beside this file: one for each thing that several programs must agree on.

key_entry        written by CLI, orchestrator and the gateway's own tool; read by agent and gateway
aws_events       written by AWS and the twin; read by the orchestrator
parameter_paths  the orchestrator's, the CLI's, the host's; granted by the template
metric_names     written by agent and gateway; read by the agent, granted and documented
host_order       written by the orchestrator; followed by agent and gateway
host_report      written by user_data, agent and twin; read by the orchestrator
ledger_rows      written by the orchestrator; read by the CLI
schedule_edges   reckoned by the orchestrator and the CLI
rotations        begun by the orchestrator, shown by the CLI
accrued          counted from those rows by the orchestrator and the CLI
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def document(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))
