"""Whether two answers to one request are alike, as far as two answers of one engine are.

A stream's text comes in chunks of any size, depending on how fast its reader is. So a stream is
compared by the kinds of its events, in their order, and by the text that they carry together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import httpx

from vllmlab.calls.call import Call

# Made anew for each answer, or true for one only: what an earlier request left in the cache, and
# the number of an event, which depends on how the text was cut.
_OWN = {
    "id", "created", "created_at", "completed_at", "item_id", "call_id", "request_id",
    "cached_tokens", "sequence_number", "cache_read_input_tokens",
}  # fmt: skip
_TEXTS = {"content", "text", "arguments", "delta", "partial_json", "reasoning"}
_LISTS = {
    "content", "tokens", "token_logprobs", "top_logprobs", "text_offset", "token_ids", "logprobs",
}  # fmt: skip
_DIGITS = 3  # of a float: sums over a cached prompt are added up in another order
_HEADERS = ("content-type", "retry-after", "allow")


@dataclass(frozen=True)
class Answer:
    """`body`: the document of a whole answer; `events`, `texts`: what a stream says."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Any
    events: tuple[Any, ...] = ()
    texts: tuple[Any, ...] = ()

    @property
    def message(self) -> str:
        """What an error says."""
        error = self.body.get("error", self.body) if isinstance(self.body, dict) else {}
        return str(error.get("message", "")) if isinstance(error, dict) else str(error)


def ask(client: httpx.Client, call: Call) -> Answer:
    headers = {"content-type": call.kind} if call.kind else {}
    found = client.request(call.method, call.path, content=call.body, headers=headers)
    named = tuple((name, found.headers[name]) for name in _HEADERS if name in found.headers)
    if found.headers.get("content-type", "").startswith("text/event-stream"):
        events, texts = streamed(found.text)
        return Answer(found.status_code, named, None, events, texts)
    try:
        body = found.json()
    except ValueError:
        body = found.text
    return Answer(found.status_code, named, _plain(body))


def _plain(value: Any) -> Any:
    """Return a document without what each answer has of its own."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name not in _OWN}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def streamed(text: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the distinct kinds of events of each choice, in order, and the text of each."""
    kinds: dict[int, list[Any]] = defaultdict(list)
    texts: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for event in text.split("\n\n"):
        name, document = _event(event)
        choice = _choice(document)
        kind = (name, _skeleton(document, choice, "", texts))
        if not kinds[choice] or kinds[choice][-1] != kind:
            kinds[choice].append(kind)
    joined = {place: _joined(parts) for place, parts in texts.items()}
    return tuple(sorted(kinds.items())), tuple(sorted(joined.items()))


def _event(event: str) -> tuple[str, Any]:
    lines = dict(line.partition(": ")[::2] for line in event.split("\n") if line)
    data = lines.get("data", "")
    try:
        return lines.get("event", ""), _plain(json.loads(data))
    except ValueError:
        return lines.get("event", ""), data


def _choice(document: Any) -> int:
    choices = document.get("choices") if isinstance(document, dict) else None
    return int(choices[0]["index"]) if choices else -1


def _skeleton(value: Any, choice: int, path: str, texts: dict[tuple[int, str], list[Any]]) -> Any:
    """Return the document without its text, which goes to `texts`."""
    if isinstance(value, dict):
        made = {}
        for name, inner in value.items():
            place = f"{path}.{name}"
            is_part = (isinstance(inner, str) and name in _TEXTS) or (
                isinstance(inner, list) and name in _LISTS
            )
            if is_part and _is_delta(path, name):
                texts[choice, place].append(inner)
                made[name] = "..."
            elif name == "usage" and choice >= 0 and inner:
                made[name] = "..."  # of each chunk, if it was asked for
            else:
                made[name] = _skeleton(inner, choice, place, texts)
        return made
    if isinstance(value, list):
        return [_skeleton(inner, choice, path, texts) for inner in value]
    return value


def _is_delta(path: str, name: str) -> bool:
    return "choices" in path or "delta" in path or name == "delta"


def _joined(parts: list[Any]) -> Any:
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    return [one for part in parts for one in (part if isinstance(part, list) else [part])]
