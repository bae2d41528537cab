"""Records of requests, as they are when a request has ended."""

from typing import Any

from gateway.core.request_record import RequestRecord


def record_of(**facts: Any) -> RequestRecord:
    record = RequestRecord()
    for name, value in facts.items():
        setattr(record, name, value)
    return record
