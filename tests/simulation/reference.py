"""The judge of our interpreter: ministack's, in a process of its own, with the twin's repairs.

    python -m simulation.reference < request.json > results.json

request: {"machines": {name: definition}, "scripts": [...]}; results: one document for each script.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from awssim.clients import ACCOUNT_ID
from ministack.core.responses import set_request_account_id
from ministack.services import stepfunctions
from simulation.script import Play, Script
from twin.emulator.workflows import ends, starts, states, tokens

_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/workflows"
_LOOK_SECONDS = 0.005
_plays: list[Play] = []  # the last one is going on


def main() -> None:
    request = json.load(sys.stdin)
    set_request_account_id(ACCOUNT_ID)
    stepfunctions._SFN_WAIT_SCALE = 0.0
    stepfunctions._call_lambda = _call  # before the repairs, which wrap it
    for fix in (starts, states, tokens, ends):
        fix.install()
    for name, definition in request["machines"].items():
        made = {"name": name, "definition": json.dumps(definition), "roleArn": _ROLE}
        status, _, body = stepfunctions._create_state_machine(made)
        assert status == 200, body
    json.dump([_played(Script.of(each)) for each in request["scripts"]], sys.stdout)


def _played(script: Script) -> dict[str, Any]:
    _plays.append(Play(script))
    machine = f"arn:aws:states:us-east-1:{ACCOUNT_ID}:stateMachine:{script.machine}"
    started = {"stateMachineArn": machine, "name": f"run-{len(_plays)}"}
    status, _, body = stepfunctions._start_execution({**started, "input": json.dumps(script.input)})
    assert status == 200, body
    execution = stepfunctions._executions[json.loads(body)["executionArn"]]
    while execution["status"] == "RUNNING":
        time.sleep(_LOOK_SECONDS)
    entered = [
        event["stateEnteredEventDetails"]["name"]
        for event in execution["events"]
        if event["type"].endswith("StateEntered")
    ]
    succeeded = execution["status"] == "SUCCEEDED"
    return {
        "calls": _plays[-1].calls,
        "states": entered,
        "status": execution["status"],
        "output": json.loads(execution["output"]) if succeeded else None,
        "error": execution.get("error") or "",
        "cause": execution.get("cause") or "",
    }


def _call(function: str, payload: Any) -> Any:
    """Stands for Lambda."""
    play = _plays[-1]
    error = play.invoked(function, payload)
    if error:
        raise stepfunctions._ExecutionError(error, f"{error} of {function}")
    for token in [each for each in list(stepfunctions._task_tokens) if each in payload.values()]:
        threading.Timer(_LOOK_SECONDS, _end, [play, token, play.token()]).start()
    return play.answer()


def _end(play: Play, token: str, how: str) -> None:
    set_request_account_id(ACCOUNT_ID)
    if how == "":
        output = json.dumps(play.answer())
        stepfunctions._send_task_success({"taskToken": token, "output": output})
    elif how != "silence":
        failure = {"taskToken": token, "error": how, "cause": f"{how} of a token"}
        stepfunctions._send_task_failure(failure)


if __name__ == "__main__":
    main()
