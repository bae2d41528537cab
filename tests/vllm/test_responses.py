"""OpenAI's Responses API of a real engine."""

from __future__ import annotations

import pytest
from openai import NotFoundError
from vllmlab.gate import Gate

IGNORING = {"ignore_eos": True}


def test_a_response_is_given_and_counted(door: Gate) -> None:
    before = door.metric("tokens_total", type="output")

    told = door.openai.responses.create(
        model="tiny", input="hello", max_output_tokens=6, extra_body=IGNORING
    )

    assert told.status == "incomplete"
    assert told.output_text
    assert door.metric("tokens_total", type="output") - before == 6


def test_a_streamed_response_is_complete_and_counted(door: Gate) -> None:
    before = door.metric("tokens_total", type="output")
    incomplete = door.metric("streams_incomplete_total")

    stream = door.openai.responses.create(
        model="tiny", input="hello", max_output_tokens=6, stream=True, extra_body=IGNORING
    )
    events = list(stream)

    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert door.metric("tokens_total", type="output") - before == 6
    assert door.metric("streams_incomplete_total") == incomplete


def test_a_response_that_nobody_keeps_is_unknown(door: Gate) -> None:
    with pytest.raises(NotFoundError, match="resp_nope"):
        door.openai.responses.create(model="tiny", input="hi", previous_response_id="resp_nope")
