"""AWS's wire protocols: an HTTP request as an operation with parameters, its answer as HTTP."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.parse import PROTOCOL_PARSERS, default_timestamp_parser
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.exceptions import ClientError

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")
# The name in the request's signature -> the name of the boto3 client, where they differ.
_CLIENTS = {"servicequotas": "service-quotas", "apigateway": "apigatewayv2"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Call:
    """One signed request. service: boto3's name of the client; parameters: as boto3 takes them."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raise werkzeug's NotFound when no operation of the service looks like this."""
        request = Request.from_primitives(method, url, headers, body)
        signed = _SCOPE.search(request.headers.get("Authorization", ""))
        name = signed[1] if signed else ""
        self.service = _CLIENTS.get(name, name)
        self._operation, labels = get_service_router(self.service).match(request)
        self._protocol = determine_request_protocol(
            self._operation.service_model, request.content_type
        )
        parser = PROTOCOL_PARSERS[self._protocol](self._operation, timestamp_parser=_timestamp)
        self.parameters: dict[str, Any] = parser.parse({
            "method": method, "values": request.values, "headers": request.headers,
            "body": request.data, "url_path": request.path, "url_params": labels,
        })  # fmt: skip

    @property
    def operation(self) -> str:
        return str(self._operation.name)

    def answer(self, response: Mapping[str, Any]) -> Answer:
        return _answer(self._serialized(response))

    def refusal(self, error: ClientError) -> Answer:
        described = error.response["Error"]
        refused = _Refused(described["Message"])
        refused.code, refused.message = described["Code"], described["Message"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return _answer({**self._serialized(refused), "status_code": status})

    def _serialized(self, result: Any) -> dict[str, Any]:
        serializer = get_serializer_class(self.service, self._protocol)
        context = SerializationContext(str(uuid.uuid4()))
        made: dict[str, Any] = serializer(self._operation, context).serialize(result)
        return made


class _Refused(Exception):
    """In the shape that moto's serializers read."""

    code = ""
    message = ""


def _answer(made: Mapping[str, Any]) -> Answer:
    body = made["body"]
    return Answer(
        made["status_code"],
        {name: str(each) for name, each in made["headers"].items()},
        body if isinstance(body, bytes) else body.encode(),
    )


def _timestamp(value: str) -> datetime:
    """Moto's is naive, and botocore would take it for local time."""
    parsed: datetime = default_timestamp_parser(value)
    return parsed.replace(tzinfo=UTC)
