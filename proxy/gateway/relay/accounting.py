"""What a request took: in its record, its key's limits, and the speed of its model."""

from gateway.access.limits import Lease
from gateway.core.request_record import RequestRecord
from gateway.relay.delivery import Delivery
from gateway.relay.timeouts import ModelSpeeds


def settle(
    record: RequestRecord,
    delivery: Delivery | None,
    lease: Lease | None,
    speeds: ModelSpeeds,
    estimate: int,
) -> None:
    """`estimate`: the prompt's tokens, where the backend does not report them."""
    if delivery is not None:
        _count(record, delivery, estimate)
    if lease is not None:
        lease.settle(record.prompt_tokens or 0, record.completion_tokens or 0)
    if record.fallback:
        return  # its speed is not that of the model here
    if record.first_byte is not None and record.stream and record.error is None:
        taken = record.seconds - record.queued
        speeds.seen(record.model, estimate, record.chunks, record.first_byte, taken)


def _count(record: RequestRecord, delivery: Delivery, estimate: int) -> None:
    record.first_byte, record.chunks = delivery.first_byte, delivery.chunks
    if delivery.was_refused:
        return  # nothing was generated for it
    given, made = delivery.tokens if delivery.events is None else delivery.events.usage()
    # What broke off is charged all the same: its prompt was read, its chunks were made.
    record.prompt_tokens = estimate if given is None else given
    record.completion_tokens = record.chunks if made is None else made
