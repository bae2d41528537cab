"""The comparison of streams sees what a client would, and not how the text was cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vllmlab.likeness import streamed


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> str:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta | more.pop("delta", {}), "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]} | more)}\n\n"


ROLE = chunk("", delta={"role": "assistant"})
END = chunk("", "stop", system_fingerprint="fp")
USAGE = f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 3}})}\n\n"
DONE = "data: [DONE]\n\n"
WHOLE = ROLE + chunk("one ") + chunk("two ") + chunk("three") + END + USAGE + DONE


def test_text_that_is_cut_elsewhere_is_the_same() -> None:
    cut = ROLE + chunk("one two") + chunk(" three") + END + USAGE + DONE

    assert streamed(WHOLE) == streamed(cut)


@pytest.mark.parametrize(
    "changed",
    [
        WHOLE.replace("two ", ""),
        WHOLE.replace(ROLE, ""),
        WHOLE.replace(END, chunk("", "stop")),
        WHOLE.replace(END, chunk("", "length", system_fingerprint="fp")),
        WHOLE.replace(USAGE, ""),
        WHOLE.replace(USAGE, USAGE.replace("3", "4")),
        WHOLE.replace(DONE, ""),
        WHOLE.replace(DONE, DONE + DONE.replace("[DONE]", "more")),
        WHOLE.replace("data: ", "event: x\ndata: ", 1),
        WHOLE.replace('"content": "three"', '"content": "three", "x": 1'),
    ],
)
def test_what_is_lost_changed_or_added_is_seen(changed: str) -> None:
    assert streamed(changed) != streamed(WHOLE)
