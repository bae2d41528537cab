"""What a provision takes beside the specification."""

from __future__ import annotations

import pytest
from orchestrator.errors import InvalidRequest
from orchestrator.spec.request import Request

SPEC = {"name": "demo", "model": "m"}


def test_what_is_none_of_the_specification_is_taken_out():
    request = Request.of({**SPEC, "rotate": True, "asked_by": "alice"})

    assert request == Request(SPEC, rotate=True, asked_by="alice")


def test_a_specification_alone_is_left_as_it_is():
    assert Request.of(SPEC) == Request(SPEC)


@pytest.mark.parametrize("document", [None, [], "demo", 7])
def test_what_is_no_mapping_is_left_to_the_parser(document):
    assert Request.of(document).document == document


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"name": "demo", "rotate": True}, True),
        ({"name": "demo", "rotate": True, "asked_by": "alice"}, True),
        ({"name": "demo", "rotate": False}, False),
        ({**SPEC, "rotate": True}, False),
        ({"name": "demo"}, False),
    ],
)
def test_a_rotation_by_name_is_of_what_serves(document, expected):
    assert Request.of(document).is_of_what_serves is expected


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"rotate": "yes"}, r"rotate: 'yes' is neither true nor false"),
        ({"asked_by": 7}, r"asked_by: 7 is no text of at most 2048 characters"),
        ({"asked_by": "a" * 2049}, r"asked_by: .* is no text of at most 2048 characters"),
    ],
)
def test_what_is_of_another_form_is_named(wrong, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        Request.of({**SPEC, **wrong})
