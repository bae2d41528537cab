"""Which tool a healthy vLLM calls: the only one that is offered, or an agent's shell.

An agent offers dozens. It gets a call of its shell if its prompt asks for the play `run COMMAND`,
and a plain answer otherwise. Once a result is in the conversation, the answer is plain as well.
"""

from __future__ import annotations

import json
from typing import Any

Document = dict[str, Any]

ARGUMENTS = '{"city":"Paris"}'
# Claude Code's and Codex's, and the argument that takes the command.
_SHELLS = {"Bash": "command", "exec_command": "cmd", "shell_command": "command"}
_RESULTS = {"tool_result", "function_call_output"}  # of Messages, of Responses


def called(asked: Document) -> tuple[str, str] | None:
    """Return the name and the arguments of the call, if there is to be one."""
    names = [named for tool in _listed(asked.get("tools")) if (named := _name(tool))]
    if not names or _answered(asked):
        return None
    if len(names) == 1:
        return names[0], ARGUMENTS
    lab = asked.get("lab")
    play, _, command = str(lab.get("play") if isinstance(lab, dict) else "").partition(" ")
    shell = next((name for name in names if name in _SHELLS), None)
    if play != "run" or shell is None:
        return None
    return shell, json.dumps({_SHELLS[shell]: command})


def _listed(value: Any) -> list[Document]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _name(tool: Document) -> str | None:
    function = tool.get("function", tool)
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _answered(asked: Document) -> bool:
    turns = _listed(asked.get("messages")) or _listed(asked.get("input"))
    if not turns:
        return False
    last = turns[-1]
    kinds = {str(part.get("type")) for part in [last, *_listed(last.get("content"))]}
    return last.get("role") == "tool" or bool(kinds & _RESULTS)
