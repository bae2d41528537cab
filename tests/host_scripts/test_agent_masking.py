"""What setup.sh or a journal says may hold a secret; what the agent reports does not."""

from __future__ import annotations

import json

from lamplighter_agent import spool


def test_a_failed_step_is_reported_without_its_secrets(tmp_path):
    line = {
        "phase": "failed",
        "percent": 0,
        "cause": "pull with hf_abcDEF123 and sk-xyz_789 failed",
    }
    (tmp_path / "phase").write_text(json.dumps(line))

    state = spool.read(tmp_path / "phase")

    assert state is not None
    assert state.cause == "pull with hf_*** and sk-*** failed"
