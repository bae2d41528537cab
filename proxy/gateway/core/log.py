"""Log lines on standard output: no prompt, no key, no backend body.

One JSON object a line; on a terminal, one line that a person can read.

What happens now and then goes through `logging`. A line per request would cost more than the
request there: see access_log.py.
"""

import logging
import sys
from datetime import UTC, datetime

import msgspec

NAME = "inference_proxy"  # in every line; users' filters and dashboards depend on it

logger = logging.getLogger(NAME)

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


class TerminalLines(logging.Formatter):
    """`12:00:01 warning message, name=value`; the level only when it is not info."""

    def format(self, record: logging.LogRecord) -> str:
        at = f"{datetime.fromtimestamp(record.created, UTC):%H:%M:%S}"
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()} "
        facts = (f", {name}={value}" for name, value in getattr(record, "fields", {}).items())
        line = printable(f"{at} {level}{record.getMessage()}{''.join(facts)}")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def printable(text: str) -> str:
    """Replace what could command the terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)


def configure() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(TerminalLines() if sys.stdout.isatty() else JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def event(message: str, **fields: object) -> None:
    """Log what happened, in the past tense, with its facts beside it."""
    logger.info(message, extra={"fields": fields})
