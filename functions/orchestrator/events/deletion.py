"""The custom resource that keeps `sam delete` from orphaning live deployments.

CloudFormation does not know them.
"""

from __future__ import annotations

import json
import urllib.request

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.ledger.store import names
from orchestrator.observability import logger
from orchestrator.step import Event, aws

_SECONDS = 10
_LISTED = 20  # names; CloudFormation accepts 4,096 bytes of answer
# As AWS's own cfn-response: the URL is signed for an empty type, and urllib would send a form's.
_HEADERS = {"Content-Type": ""}


@logger.inject_lambda_context(clear_state=True)
def guard(event: Event, _: LambdaContext) -> None:
    """Answer CloudFormation: a Delete fails while a deployment is not torn down."""
    objection = _objection() if event["RequestType"] == "Delete" else ""
    answer = {
        "Status": "FAILED" if objection else "SUCCESS",
        "Reason": objection or "no deployment is live",
        "PhysicalResourceId": "lamplighter-deletion-guard",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    logger.info("deletion guard answers", status=answer["Status"], reason=answer["Reason"])
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own presigned URL
        event["ResponseURL"], json.dumps(answer).encode(), _HEADERS, method="PUT"
    )
    urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310


def _objection() -> str:
    """Return why the stack must stay; not knowing is a reason, too."""
    try:
        live = names(aws().dynamodb, aws().settings.ledger_table)
    except (ClientError, BotoCoreError) as error:
        return f"the ledger could not be read, so deployments may be live: {error}"
    if not live:
        return ""
    listed = ", ".join(live[:_LISTED])
    more = f" and {len(live) - _LISTED} more" if len(live) > _LISTED else ""
    return f"tear these deployments down first: {listed}{more} (lamplighter down NAME)"
