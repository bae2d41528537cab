"""IAM's decision about one request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
An operator that is not known is an error: a policy that was not evaluated proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]
_Test = Callable[[str, str], bool]
_OPERATORS: Mapping[str, _Test] = {
    "StringEquals": str.__eq__,
    "StringLike": lambda value, pattern: _like(value, pattern),
    "ArnEquals": lambda value, pattern: _like(value, pattern),
    "ArnLike": lambda value, pattern: _like(value, pattern),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One action on one resource ("*": the call takes none). context: condition key -> value, or
    the values of a key that has several.
    """

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        about = ", ".join(f"{key}={value}" for key, value in sorted(self.context.items()))
        return f"{self.action} on {self.resource} ({about})"


def allowed(
    policies: Iterable[Document], request: Request, boundary: Document | None = None
) -> bool:
    """Return whether some statement allows the request, and the boundary does, too."""
    return any(permitting(policies, request)) and (
        boundary is None or any(permitting([boundary], request))
    )


def permitting(policies: Iterable[Document], request: Request) -> Iterator[Document]:
    """Yield each statement that allows the request."""
    for statement in (each for policy in policies for each in policy["Statement"]):
        if statement["Effect"] != "Allow":
            raise NotImplementedError(f"Effect: {statement['Effect']}")
        if (
            request.action in listed(statement["Action"])
            and any(_like(request.resource, each) for each in listed(statement["Resource"]))
            and _holds(statement.get("Condition", {}), request.context)
        ):
            yield statement


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, Any]) -> bool:
    return all(
        _is_met(operator, context.get(key), listed(values))
        for operator, tests in conditions.items()
        for key, values in tests.items()
    )


def _is_met(operator: str, found: Any, wanted: list[str]) -> bool:
    """found: None where the request has no such key, or an empty list."""
    is_there = found not in (None, [])
    if operator == "Null":
        return [str(not is_there).lower()] == [str(each).lower() for each in wanted]
    set_of, _, name = operator.rpartition(":")
    test = _OPERATORS[name.removesuffix("IfExists")]
    values = listed(found) if is_there else []
    if set_of == "ForAllValues":
        return all(any(test(value, each) for each in wanted) for value in values)
    if set_of:
        raise NotImplementedError(operator)
    if not is_there:
        return name.endswith("IfExists")
    return len(values) == 1 and any(test(values[0], each) for each in wanted)


def _like(value: str, pattern: str) -> bool:
    """`*` and `?` are the only signs; brackets, which fnmatch knows too, stand for themselves."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))
