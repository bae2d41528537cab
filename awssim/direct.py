"""DynamoDB's rows without HTTP in between: half of all calls of a workflow are about the ledger.

The parameters are checked by botocore, the operation is moto's own. Whatever is refused takes the
long way, which words the error: a refused call has changed nothing.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from botocore.validate import ParamValidator
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.responses import DynamoHandler

if TYPE_CHECKING:
    from botocore.client import BaseClient

_HANDLERS = {
    "GetItem": DynamoHandler.get_item,
    "Query": DynamoHandler.query,
    "Scan": DynamoHandler.scan,
    "PutItem": DynamoHandler.put_item,
    "UpdateItem": DynamoHandler.update_item,
    "DeleteItem": DynamoHandler.delete_item,
    "TransactWriteItems": DynamoHandler.transact_write_items,
}
_SUCCESS = {"HTTPStatusCode": 200, "RetryAttempts": 0, "HTTPHeaders": {}}


def answer(client: BaseClient, operation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the call returns; None where it has to take the long way."""
    if client.meta.service_model.service_name != "dynamodb" or operation not in _HANDLERS:
        return None
    model: Any = client.meta.service_model.operation_model(operation)
    if ParamValidator().validate(parameters, model.input_shape).has_errors():
        return None
    try:
        given = json.loads(json.dumps(parameters))
    except TypeError:  # bytes
        return None
    handler = DynamoHandler()
    handler.body, handler.region = given, client.meta.region_name
    handler.current_account = DEFAULT_ACCOUNT_ID
    try:
        found = _HANDLERS[operation](handler).result
    except Exception:  # noqa: BLE001 - whatever it is, the long way raises it as AWS words it
        return None
    said = {name: found[name] for name in model.output_shape.members if found.get(name) is not None}
    return {**_own(said), "ResponseMetadata": dict(_SUCCESS)}


def _own(said: dict[str, Any]) -> dict[str, Any]:
    """Return a copy that shares nothing with what moto holds."""
    try:
        return dict(json.loads(json.dumps(said)))
    except TypeError:  # bytes, or sets
        return copy.deepcopy(said)
