# ruff: noqa: INP001 - a program, not a package
"""Write the definitions from their steps: provision.steps.yaml -> provision.asl.yaml.

A `.steps.yaml` is the definition itself, but for the states that call a function. They say only
what differs from one to the next, and this fills in what Step Functions has to read at each:

    EnsureImage:
      Call: Image.ensure    # the verb `ensure` of ImageFunction
      With: {...}           # what the verb takes besides name and execution
      Wait: {...}           # the retrier, where Pending is not waited for as usual
      Blocked: {...}        # a retrier beside it, for what ends the workflow sooner
      Final: [Refused]      # errors that no retry improves
      Next: ...             # where that is not the next state below

Assign, Output, TimeoutSeconds, HeartbeatSeconds and Catch are the state's own. `Include: FILE`
stands for the states in that file. Retriers stay at the task: at the try block around all of them,
one throttle would start every step again.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
WORKFLOWS = ("provision", "repair", "stop", "start", "teardown")
HEADER = "# Made by `make workflows` from {source}: change that one.\n"
PENDING = (
    "{ErrorEquals: [Pending], IntervalSeconds: 3, MaxAttempts: 150, "
    "BackoffRate: 1.3, MaxDelaySeconds: 15}"
)
HICCUPS = """\
{ErrorEquals: [Lambda.ClientExecutionTimeoutException, Lambda.ServiceException,
 Lambda.AWSLambdaException, Lambda.SdkClientException, Lambda.TooManyRequestsException,
 Lambda.Unknown, Sandbox.Timedout, Runtime.ExitError],
 IntervalSeconds: 2, MaxAttempts: 6, BackoffRate: 2, JitterStrategy: FULL}"""
TASK_SECONDS = 75  # more than a Lambda's own limit, so that its error is seen
CALL = re.compile(
    r"^( *)([\w?]+):(?: \{Call: (\S+)\}|\n\1  Call: (\S+))\n((?:\1  .*\n)*)", re.MULTILINE
)
INCLUDE = re.compile(r"^ *Include: (\S+)\n", re.MULTILINE)
FIELD = re.compile(r"^(\w+):.*\n(?:^[ -].*\n)*", re.MULTILINE)


def definition(workflow: str) -> str:
    """Return what belongs into `<workflow>.asl.yaml`."""
    source = FOLDER / f"{workflow}.steps.yaml"
    steps = INCLUDE.sub(lambda found: _included(found[1]), source.read_text(encoding="utf-8"))
    return HEADER.format(source=source.name) + CALL.sub(lambda found: _state(found, steps), steps)


def _included(name: str) -> str:
    """Return the states in a file, without the comment that says what the file is for."""
    return (FOLDER / name).read_text(encoding="utf-8").partition("\n")[2]


def _state(found: re.Match[str], steps: str) -> str:
    """Return a state that calls a function, written out; `found` is its short form in `steps`."""
    margin, name = found[1], found[2]
    function, _, verb = (found[3] or found[4]).partition(".")
    given = {each[1]: each[0] for each in FIELD.finditer(_moved(found[5], -len(margin) - 2))}
    payload = given.pop("With", "With:\n").partition("\n")[2]
    waits = "task_token:" in payload
    answer = "$states.result" if waits else "$states.result.Payload"
    retriers = [given.pop("Wait", f"Wait: {PENDING}\n").removeprefix("Wait: ").strip(), HICCUPS]
    if "Blocked" in given:
        retriers.insert(0, given.pop("Blocked").removeprefix("Blocked: ").strip())
    if "Final" in given:
        errors = given.pop("Final").removeprefix("Final: ").strip()
        retriers.insert(0, f"{{ErrorEquals: {errors}, MaxAttempts: 0}}")
    fields = [
        "Type: Task\n",
        f"Resource: arn:${{Partition}}:states:::lambda:invoke{'.waitForTaskToken' * waits}\n",
        f"Arguments:\n  FunctionName: ${{{function}FunctionArn}}\n  Payload:\n    verb: {verb}\n",
        '    name: "{% $name %}"\n    execution: "{% $execution %}"\n',
        _moved(payload, 2),
        given.pop("Assign", ""),
        given.pop("Output", f'Output: "{{% {answer} %}}"\n'),
        given.pop("TimeoutSeconds", f"TimeoutSeconds: {TASK_SECONDS}\n"),
        given.pop("HeartbeatSeconds", ""),
        "Retry:\n",
        *(f"  - {_moved(retrier, 4).strip()}\n" for retrier in retriers),
        given.pop("Catch", ""),
        given.pop("Next", _next(margin, steps[found.end() :])),
    ]
    if given:
        sys.exit(f"{name}: {', '.join(given)} is nothing that a state with a Call may have")
    return margin + f"{name}:\n" + _moved("".join(fields), len(margin) + 2)


def _moved(text: str, columns: int) -> str:
    """Return the lines further to the right, or to the left."""
    space = " " * columns
    return "".join(
        f"{space}{line}" if columns > 0 else line[-columns:]
        for line in text.splitlines(keepends=True)
    )


def _next(margin: str, below: str) -> str:
    """Return where a state leads that does not say so: to the state below it, or to the end."""
    for line in below.splitlines():
        beside = re.match(rf"{margin}([\w?]+):", line)
        if beside:
            return f"Next: {beside[1]}\n"
        if line.strip() and not line.startswith(margin):
            break
    return "End: true\n"


if __name__ == "__main__":
    for each in WORKFLOWS:
        (FOLDER / f"{each}.asl.yaml").write_text(definition(each), encoding="utf-8")
