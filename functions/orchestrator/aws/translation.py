"""Turn AWS's errors into ours: the class is for the workflow, the message for the operator."""

from __future__ import annotations

import re

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as Unconnected

from orchestrator.aws.account_limits import NO_BUILDS, QUOTA_OF_OPERATION, QUOTAS, RESTRICTIONS
from orchestrator.aws.error_codes import Meaning, code, meaning
from orchestrator.errors import (
    InsufficientCapacity,
    OrchestratorError,
    Pending,
    Refused,
    ResourceConflict,
)

_SERVER_ERROR = 500
_REMEDIES = {
    Meaning.UNSEEN: "it was removed outside Lamplighter: start again, `up` makes what is missing",
    Meaning.DENIED: "allow it in IAM (or in the organisation's policies), then start again",
}
_CORRECT = "see the message, correct it and start the workflow again"
_ZERO_BUILDS = re.compile(r"more than 0 (active )?builds")
_LIMIT = re.compile(r"LimitExceeded(Exception)?$")


def translate(error: ClientError | BotoCoreError, *, young: bool = False) -> OrchestratorError:
    """Return the error of ours whose class makes the workflow retry, wait or stop.

    young: something of the deployment was created or changed less than SettleSeconds ago, so that
    AWS may not see it, or its tags, everywhere yet.
    """
    if isinstance(error, BotoCoreError):
        return _not_sent(error)
    text = str(error)
    found = meaning(error) or _guess(error)
    if found is Meaning.LATER or (young and found in {Meaning.UNSEEN, Meaning.DENIED}):
        return Pending(text)
    if found is Meaning.CAPACITY:
        return InsufficientCapacity(f"{text}; try another instance.type, or later")
    if found is Meaning.CONFLICT:
        return ResourceConflict(f"{text}; something of this name is not ours: rename or remove it")
    return Refused(f"{text}; {_remedy(error, found)}")


def _guess(error: ClientError) -> Meaning:
    """Return the most likely meaning of a code that the table lacks."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _SERVER_ERROR:
        return Meaning.LATER
    return Meaning.QUOTA if _LIMIT.search(code(error)) else Meaning.FINAL


def _remedy(error: ClientError, found: Meaning) -> str:
    """Return what the operator does about an error that waiting does not cure."""
    name, text = code(error), str(error)
    if found is Meaning.QUOTA:
        quota = QUOTA_OF_OPERATION.get((error.operation_name, name)) or QUOTAS.get(name)
        raised = f"ask AWS to raise {quota or 'this quota'} in Service Quotas"
        return NO_BUILDS if _ZERO_BUILDS.search(text) else raised
    return RESTRICTIONS.get(name) or _REMEDIES.get(found, _CORRECT)


def _not_sent(error: BotoCoreError) -> OrchestratorError:
    if isinstance(error, HTTPClientError | Unconnected):
        return Pending(f"AWS did not answer: {error}")
    return Refused(f"{error}; this request could not be sent at all")
