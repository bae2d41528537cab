"""EC2 says why IAM denied a call in a form that only the account's own STS can read.

https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws.error_codes import DENIED, code

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

_ENCODED = re.compile(r"Encoded authorization failure message: (\S+)")


@contextmanager
def explained(sts: Callable[[], STSClient]) -> Iterator[None]:
    """Put action, resource and reason of a denial of EC2's into its error's message.

    sts: asked for the client only then. The message stays as it is where STS does not decode it.
    """
    try:
        yield
    except ClientError as error:
        found = _ENCODED.search(str(error)) if code(error) == DENIED else None
        why = _decoded(sts, found[1]) if found else None
        if why is None:
            raise
        answer: Any = {**error.response, "Error": {**error.response["Error"], "Message": why}}
        raise ClientError(answer, error.operation_name) from error


def _decoded(sts: Callable[[], STSClient], encoded: str) -> str | None:
    try:
        answer = sts().decode_authorization_message(EncodedMessage=encoded)
    except (ClientError, BotoCoreError):
        return None
    return sentence(json.loads(answer["DecodedMessage"]))


def sentence(decoded: dict[str, Any]) -> str:
    """Return who may not do what on what, and which kind of policy is the reason."""
    context = decoded.get("context", {})
    who = context.get("principal", {}).get("arn", "this role")
    what, where = context.get("action", "this call"), context.get("resource", "this resource")
    if decoded.get("explicitDeny"):
        matched = decoded.get("matchedStatements", {}).get("items", [])
        named = ", ".join(each["statementId"] for each in matched if each.get("statementId"))
        reason = f"a policy denies it explicitly ({named or 'statement without a Sid'})"
    else:
        reason = "no policy allows it, with the tags and conditions of this request"
    return f"{who} may not {what} on {where}: {reason}"
