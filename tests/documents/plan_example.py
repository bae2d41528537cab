"""What `lamplighter plan` shows, made by the orchestrator on the strict AWS."""

from __future__ import annotations

import json
from functools import cache

from awssim import Account
from awssim.furnish import furnish
from documents.pages import ROOT
from lamplighter.commands.plan import drawn, summary
from orchestrator.deployments import planning
from rich.text import Text
from steps import Workflow

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
SPEC = {
    "name": "prod",
    "model": MODEL,
    "instance": {"types": ["g6.xlarge", "g5.xlarge"], "zones": ["us-east-1a"]},
    "engine": {"max_model_len": 8192},
}
_WIDTH = 110
_CONFIGS = ROOT / "tests/orchestrator/capacity/models.json"


@cache
def shown() -> str:
    """Return the screen as a block of code."""
    config = json.loads(_CONFIGS.read_text())["models"][MODEL]["config"]
    with Account().active() as account:
        furnish(account)
        workflow = Workflow(account, SPEC)
        planned = planning.plan(workflow.clients, workflow.deployment, workflow.ledger, config)
    lines = []
    for block in (*drawn(planned), Text(summary(planned))):
        lines += [block] if isinstance(block, Text) else list(block.lines(_WIDTH))
    text = "\n".join(line.plain.rstrip() for line in lines)
    return f"```\n$ lamplighter plan prod.yaml\n{text}\n```\n"
