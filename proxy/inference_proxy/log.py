"""JSON log lines on standard output: one object a line, no prompt, no key, no backend body.

What happens now and then goes through `logging`. A line per request would cost more than the
request there: see access_log.py.
"""

import logging
import sys
from datetime import UTC, datetime

import msgspec

logger = logging.getLogger("inference_proxy")

_encode = msgspec.json.encode


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line).decode()


def configure() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def event(message: str, **fields: object) -> None:
    """Log what happened, in the past tense, with its facts beside it."""
    logger.info(message, extra={"fields": fields})
