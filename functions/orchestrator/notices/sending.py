"""Publishes notices to the installation's topic: each once, and never in the way.

What is published has a row first, `notice#<kind>#<key>`, written by a conditional put without the
lock, and removed again where SNS did not confirm the publication. A function that dies between the
row and the publication leaves a notice unsent rather than sent twice.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws.clients import Clients
from orchestrator.errors import OrchestratorError
from orchestrator.ledger.rows import NOTICES, NoticeRow
from orchestrator.ledger.store import Ledger
from orchestrator.notices.notice import Earlier, Kind, Notice
from orchestrator.observability import count, logger

QUIET_SECONDS = 3600.0  # a deployment's next notice of the same kind is only counted until then


def send(clients: Clients, ledger: Ledger, notice: Notice) -> bool:
    """Publish a notice, unless it was already, or one of its kind within the hour.

    Return whether it was published. A failure is logged and counted, never raised.
    """
    try:
        return _sent(clients, ledger, notice)
    except (ClientError, BotoCoreError, OrchestratorError, ValueError) as error:
        logger.warning("notice not sent", kind=notice.kind, key=notice.key, reason=str(error))
        count("NoticeFailed")
        return False


def publish(clients: Clients, notice: Notice, earlier: Earlier | None = None) -> None:
    """Publish a notice now; AWS's errors are raised.

    Subscriptions can choose by the attributes `kind` and `deployment`.
    """
    attributes = {"kind": notice.kind.value, "deployment": notice.deployment}
    clients.sns.publish(
        TopicArn=clients.settings.notice_topic,
        Subject=notice.subject,
        Message=notice.body(earlier),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in attributes.items()
            if value
        },
    )
    logger.info("notice published", kind=notice.kind, key=notice.key)
    count("NoticePublished")


def _sent(clients: Clients, ledger: Ledger, notice: Notice) -> bool:
    last = _last(ledger, notice.kind)
    row = NoticeRow(kind=notice.kind, key=notice.key, at=ledger.time())
    if not ledger.change(row.sk, row.values(), "attribute_not_exists(pk)"):
        return False
    if last and last.sent_at and ledger.seconds_since(last.sent_at) < QUIET_SECONDS:
        seen = {"seen": last.repeats}
        ledger.change(last.sk, {"repeats": last.repeats + 1}, "#repeats = :seen", **seen)
        return False
    earlier = Earlier(last.sent_at, last.repeats) if last and last.sent_at else None
    try:
        publish(clients, notice, earlier)
    except (ClientError, BotoCoreError):
        ledger.discard(row.sk, "at", row.at)  # so that the next attempt is not taken for a repeat
        raise
    ledger.change(row.sk, {"sent_at": ledger.time()}, "attribute_exists(pk)")
    return True


def _last(ledger: Ledger, kind: Kind) -> NoticeRow | None:
    """Return the last published notice of a kind."""
    rows = (NoticeRow.of(values) for values in ledger.rows(f"{NOTICES}{kind}#"))
    return max(
        (row for row in rows if row.sent_at), key=lambda row: row.sent_at or "", default=None
    )
