"""Which AWS operation an HTTP request is, and what an AWS error of that service looks like."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session

# The name in the request's signature -> the name of the boto3 client, where they differ.
_CLIENTS = {"states": "stepfunctions", "monitoring": "cloudwatch", "apigateway": "apigatewayv2"}
_REST_XML = {"s3", "route53", "cloudfront"}
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Call:
    """service: boto3's client name; operation: as in the API reference (`CreateVpc`)."""

    service: str
    operation: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.service}.{self.operation}"


def service_of(headers: dict[str, str]) -> str:
    """boto3's name of the signed service; empty for a request that is not an AWS call."""
    found = _SCOPE.search(headers.get("authorization", ""))
    return _CLIENTS.get(found[1], found[1]) if found else ""


def has_form(headers: dict[str, str]) -> bool:
    """Whether the operation's name stands in the body."""
    return headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def identify(
    headers: dict[str, str], method: str, path: str, query: str, body: bytes
) -> Call | None:
    """The call, by header, form or path; None for a request that is not an AWS call."""
    service = service_of(headers)
    if not service:
        return None
    if target := headers.get("x-amz-target"):
        return Call(service, target.rpartition(".")[2], "json")
    if has_form(headers):
        action = parse_qs(body.decode()).get("Action", ["?"])[0]
        return Call(service, action, "ec2" if service == "ec2" else "query")
    protocol = "rest-xml" if service in _REST_XML else "rest-json"
    given = frozenset(parse_qs(query, keep_blank_values=True)) | headers.keys()
    return Call(service, _by_path(service, method, path, given), protocol)


def _by_path(service: str, method: str, path: str, given: frozenset[str]) -> str:
    """The operation whose method, path and required parameters fit best; `?` when none does."""
    for route in _routes(service):
        if route.method == method and route.needs <= given and route.path.fullmatch(path):
            return route.operation
    return "?"


@dataclass(frozen=True, slots=True)
class _Route:
    """needs: names of query parameters and headers without which it is another operation."""

    method: str
    path: re.Pattern[str]
    needs: frozenset[str]
    operation: str


@functools.cache
def _routes(service: str) -> list[_Route]:
    """The service's operations, the most specific first."""
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return []
    model = session.get_service_model(service)
    routes = [_route(model.operation_model(name)) for name in model.operation_names]
    return sorted(routes, key=lambda each: (-len(each.needs), each.path.pattern.count("(")))


def _route(operation: Any) -> _Route:
    path, _, query = operation.http["requestUri"].partition("?")
    needs = {each.partition("=")[0] for each in query.split("&") if each}
    shape = operation.input_shape
    for name in shape.required_members if shape else []:
        place = shape.members[name].serialization
        if place.get("location") in {"querystring", "header"}:
            needs.add(
                place["name"] if place["location"] == "querystring" else place["name"].lower()
            )
    return _Route(
        operation.http["method"], re.compile(_pattern(path)), frozenset(needs), operation.name
    )


def _pattern(path: str) -> str:
    """`/{Bucket}/{Key+}` as a regular expression."""
    parts = re.split(r"(\{[^}]+\})", path.rstrip("/"))
    holes = {True: "(.+)", False: "([^/]+)"}
    return (
        "".join(
            holes[each.endswith("+}")] if each[:1] == "{" else re.escape(each) for each in parts
        )
        + "/?"
    )


def error(call: Call, code: str, message: str) -> tuple[str, bytes]:
    """(content type, body) of an AWS error in the protocol of this call."""
    if "json" in call.protocol:
        return "application/x-amz-json-1.0", json.dumps(
            {"__type": code, "message": message}
        ).encode()
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.protocol == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors></Response>"
    elif call.service == "s3":
        text = f"<Error>{inner}</Error>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
    return "text/xml", text.encode()
