"""What a request took, told to its facts, its key's limits and the pace of its model."""

from gateway.access.limits import Lease
from gateway.core.request_record import Facts
from gateway.relay.delivery import Delivery
from gateway.relay.timeouts import Paces


def settle(
    facts: Facts, delivery: Delivery | None, lease: Lease | None, paces: Paces, estimate: int
) -> None:
    """`estimate`: the prompt's tokens, where the backend does not tell them."""
    if delivery is not None:
        _count(facts, delivery, estimate)
    if lease is not None:
        lease.settle(facts.prompt_tokens or 0, facts.completion_tokens or 0)
    if facts.first_byte is not None and facts.stream and facts.error is None:
        taken = facts.seconds - facts.queued
        paces.seen(facts.model, estimate, facts.chunks, facts.first_byte, taken)


def _count(facts: Facts, delivery: Delivery, estimate: int) -> None:
    facts.first_byte, facts.chunks = delivery.first_byte, delivery.chunks
    if delivery.was_refused:
        return  # nothing was generated for it
    given, made = delivery.tokens if delivery.events is None else delivery.events.usage()
    # What broke off is charged all the same: its prompt was read, its chunks were made.
    facts.prompt_tokens = estimate if given is None else given
    facts.completion_tokens = facts.chunks if made is None else made
