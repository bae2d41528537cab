"""JSONata in a definition, by the library that the twin's interpreter uses too."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from simlab.workflows.failure import Failed

_LIMIT = sys.getrecursionlimit()
from jsonata.jsonata import Jsonata  # noqa: E402 - this import changes the limit of the process,
from jsonata.utils import Utils  # noqa: E402 - which other tests reach on purpose

sys.setrecursionlimit(_LIMIT)
_OPEN, _CLOSE = "{%", "%}"


def evaluate(template: Any, states: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Return the template with each `{% expression %}` in it replaced by its value.

    states: what `$states` has. Raise Failed(States.QueryEvaluationError) as Step Functions does,
    also for an expression that has no value: JSON cannot represent it.
    """
    if isinstance(template, dict):
        return {key: evaluate(value, states, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [evaluate(value, states, variables) for value in template]
    if not is_expression(template):
        return template
    return _value(template.removeprefix(_OPEN).removesuffix(_CLOSE).strip(), states, variables)


def is_expression(template: Any) -> bool:
    return isinstance(template, str) and template.startswith(_OPEN) and template.endswith(_CLOSE)


def _value(text: str, states: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    bindings = {name: _bound(value) for name, value in variables.items()} | {"states": states}
    try:
        value = parsed(text).evaluate(None, bindings)
        exists = value is not None or parsed(f"$exists(({text}))").evaluate(None, bindings)
    except Exception as error:
        raise Failed("States.QueryEvaluationError", f"{text}: {error}") from error
    if not exists:
        raise Failed("States.QueryEvaluationError", f"the expression has no value: {text}")
    return json.loads(json.dumps(value))


def _bound(value: Any) -> Any:
    """The library takes None for a variable that is not there."""
    return Utils.NULL_VALUE if value is None else value


@cache
def parsed(text: str) -> Jsonata:
    return Jsonata.jsonata(text)
