"""The same answers of moto with less work: most of a test's time goes into calls.

Each shortcut replaces one function of moto's or botocore's that does the same work every time.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest import mock
from xml.sax.saxutils import escape, quoteattr

import moto.core.responses
from botocore.signers import RequestSigner
from botocore.useragent import UserAgentString
from moto.core.constants import MISSING
from moto.core.serialize import (
    AttributePickerContext,
    BaseJSONSerializer,
    ResponseSerializer,
    XFormedAttributePicker,
)
from moto.core.utils import get_value
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

_LISTING = "moto.core.responses.method_names_from_class"
_FOUND_BY_ANY_NAME = ResponseSerializer.get_value
_STRUCTURE = vars(BaseJSONSerializer)["_serialize_type_structure"]
_SIGN = RequestSigner.sign
_CAST: property = vars(DynamoType)["cast_value"]
_SIZE = DynamoType.size
_COPIED = DynamoType.__deepcopy__
_TRANSACT = DynamoDBBackend.transact_write_items
_SIMPLE = {"S", "N", "BOOL"}  # attributes whose value is no list, map or set
_PROLOGUE = '<?xml version="1.0" encoding="utf-8"?>\n'


@contextmanager
def in_force() -> Iterator[None]:
    with ExitStack() as stack:
        # moto lists the methods of its response class for every call
        listing = cache(moto.core.responses.method_names_from_class)
        stack.enter_context(mock.patch(_LISTING, listing))
        stack.enter_context(
            mock.patch("moto.core.serialize.xmltodict", SimpleNamespace(unparse=_xml))
        )
        for owner, name, shortcut in (
            (TaggedEC2Resource, "get_tags", _own_tags),
            (ResponseSerializer, "get_value", _value),
            (BaseJSONSerializer, "_serialize_type_structure", _structure),
            (UserAgentString, "to_string", _user_agent),
            (RequestSigner, "sign", _sign),
            (DynamoType, "cast_value", property(_cast)),
            (DynamoType, "size", _size),
            (DynamoType, "__deepcopy__", _copied),
            (DynamoDBBackend, "transact_write_items", _transact),
        ):
            stack.enter_context(mock.patch.object(owner, name, shortcut))
        yield


def _own_tags(thing: Any) -> list[dict[str, str]]:
    """One thing's tags: moto looks through those of everything that ever was, each time."""
    held = thing.ec2_backend.tags.get(thing.id, {}) if thing.id else {}
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(thing.id), "") if held else ""
    return [
        {"resource_id": thing.id, "key": key, "value": value, "resource_type": kind}
        for key, value in held.items()
    ]


def _value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """Read what moto holds for a member of an answer; which of its names that has is found out once
    for each kind of thing. A DynamoDB attribute has one name: moto tries every spelling of all ten.
    """
    if (
        isinstance(value, dict)
        and getattr(getattr(shape, "parent", None), "name", "") == "AttributeValue"
    ):
        return value.get(key)
    picker = vars(serializer)["_value_picker"]
    if not isinstance(picker, XFormedAttributePicker):
        return _FOUND_BY_ANY_NAME(serializer, value, key, shape)
    known = vars(shape).setdefault("_awssim_names", {})
    kind = (type(value), key, len(picker.response_transformers))
    if kind not in known:
        known[kind] = _names(serializer, picker, value, key, shape)
    if known[kind] is None:
        return _FOUND_BY_ANY_NAME(serializer, value, key, shape)
    for name in known[kind]:
        found = get_value(value, name, MISSING)
        if found is not MISSING:
            return found
    return None


def _structure(
    serializer: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str
) -> None:
    """A DynamoDB attribute with one simple value is written as moto holds it."""
    if key and shape.name == "AttributeValue" and isinstance(value, dict):
        [(kind, held), *others] = value.items()
        if not others and kind in _SIMPLE and type(held) in {str, bool}:
            serialized[key] = value
            return
    _STRUCTURE(serializer, serialized, value, shape, key)


def _names(
    serializer: ResponseSerializer, picker: Any, value: Any, key: str, shape: Any
) -> tuple[str, ...] | None:
    """None: moto changes what it finds, so it does the work itself."""
    if any(path.endswith(key) for path in picker.response_transformers):
        return None
    service = serializer.operation_model.service_model
    context = AttributePickerContext(value, key, shape, serializer.operation_model, service)
    return tuple(dict.fromkeys(picker.get_possible_keys(context)))


def _xml(body: dict[str, Any], **_: Any) -> str:
    """Return an answer as xmltodict writes it, without its checks of every name."""
    return _PROLOGUE + "".join(_element(name, value) for name, value in body.items())


def _element(name: str, value: Any) -> str:
    start, text = name, ""
    if isinstance(value, dict):
        for key, held in value.items():
            if key == "#text":
                text += escape(held)
            elif key.startswith("@"):
                start += f" {key[1:]}={quoteattr(held or '')}"
            else:
                text += _element(key, held)
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = escape(value)
    elif isinstance(value, (int, float)):
        text = str(value)
    elif value is not None:
        return "".join(_element(name, each) for each in value)
    return f"<{start}>{text}</{name}>" if text else f"<{start}/>"


def _user_agent(_: UserAgentString) -> str:
    return "awssim"


def _sign(signer: RequestSigner, operation: str, request: Any, *given: Any, **named: Any) -> None:
    """Name the caller, as a signature does, and compute none: moto checks none. S3 keeps its own,
    which comes with sums of the body, and so does a URL that is signed beforehand.
    """
    service, credentials = signer.signing_name, vars(signer)["_credentials"]
    if service == "s3" or given or named or not credentials:
        _SIGN(signer, operation, request, *given, **named)
        return
    region = signer.region_name
    scope = f"{credentials.access_key}/20260101/{region}/{service}/aws4_request"
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
    )


def _cast(attribute: DynamoType) -> Any:
    """Most attributes are strings, and every look into a table compares all of them."""
    return attribute.value if attribute.type == "S" else _CAST.fget(attribute)  # type: ignore[misc]


def _size(attribute: DynamoType) -> int:
    text = attribute.value
    return len(text) if attribute.type == "S" and text.isascii() else _SIZE(attribute)


def _copied(attribute: DynamoType, memo: dict[int, Any]) -> DynamoType:
    """Moto changes lists, maps and sets in their place, and puts another attribute elsewhere."""
    return attribute if attribute.type in _SIMPLE else _COPIED(attribute, memo)


def _transact(backend: DynamoDBBackend, items: list[dict[str, Any]]) -> None:
    """Moto copies the whole table, in case the transaction fails; only its own rows can change."""
    asked = [call for each in items for call in each.values()]

    def copied(held: Any) -> Any:
        return _kept(held, asked) if isinstance(held, Table) else copy.deepcopy(held)

    with mock.patch("moto.dynamodb.models.copy", SimpleNamespace(deepcopy=copied)):
        _TRANSACT(backend, items)


def _kept(table: Table, asked: list[dict[str, Any]]) -> Table:
    """Return a table of the same rows, but with copies of those that the calls name."""
    kept = copy.copy(table)
    kept.items = defaultdict(dict, {key: dict(rows) for key, rows in table.items.items()})
    for call in (call for call in asked if call.get("TableName") == table.name):
        key = call.get("Key") or call["Item"]
        found = table.get_item(*(DynamoType(key[name]) for name in table.table_key_attrs))
        if found is not None and found.range_key is not None:
            kept.items[found.hash_key][found.range_key] = copy.deepcopy(found)
    return kept
