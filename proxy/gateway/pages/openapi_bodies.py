"""What each operation takes: a sentence, the fields that it needs or that are often used, a sample.

No schema forbids more: unknown fields reach the engine as they came, and the engine judges them.
"""

from typing import Any, NamedTuple

from gateway.settings.gateway_settings import Settings

Schema = dict[str, Any]

MODEL = "some-model"  # in the samples
_LARGEST = 2**31 - 1

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_SWITCH: Schema = {"type": ["boolean", "null"]}
_NUMBER: Schema = {"type": ["number", "null"]}
_WORDS = "A slow mountain."


class Request(NamedTuple):
    """`fields` that are not `required` may be left out."""

    summary: str
    required: tuple[str, ...]
    fields: dict[str, Schema]
    sample: dict[str, Any]

    def schema(self) -> Schema:
        fields = {"model": _said(_TEXT, "A name from /v1/models.")} | self.fields
        return {"type": "object", "required": ["model", *self.required], "properties": fields}


def requests(settings: Settings) -> dict[str, Request]:
    """Return what the operations take, by their names in `routes`, within these limits."""
    tokens = _count(settings.max_output_tokens or _LARGEST)
    sampling = {
        "stream": _said(_SWITCH, "Send the answer as server-sent events."),
        "temperature": _NUMBER,
        "top_p": _NUMBER,
    }
    options = {
        "type": ["object", "null"],
        "properties": {"include_usage": _said(_SWITCH, "End the stream with its token counts.")},
    }
    made = sampling | {"max_tokens": tokens, "n": _count(settings.max_n), "stop": _nullable(_TEXTS)}
    made["stream_options"] = options
    return _generating(sampling, made, tokens) | _PLAIN


def _generating(
    sampling: dict[str, Schema], made: dict[str, Schema], tokens: Schema
) -> dict[str, Request]:
    turns = _list(
        {
            "type": "object",
            "required": ["role"],
            "properties": {"role": _TEXT, "content": _said({}, "Text, or a list of parts.")},
        }
    )
    tools = {"tools": _nullable(_list({"type": "object"}, least=0)), "tool_choice": {}}
    sample = {"model": MODEL, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    chat = {"messages": turns, **made, "max_completion_tokens": tokens, **tools}
    prompts = {"anyOf": [_TEXT, _list({})]}
    return {
        "chat": Request("Answer a conversation", ("messages",), chat, sample),
        "chat_batch": Request(
            "Answer several conversations",
            ("messages",),
            {"messages": _list(turns), "max_tokens": tokens, "n": made["n"]},
            {"model": MODEL, "messages": [sample["messages"]]},
        ),
        "text_completion": Request(
            "Continue a text", ("prompt",), {"prompt": prompts} | made, _sample(prompt="Once upon")
        ),
        "responses": Request(
            "Answer, by the Responses API",
            ("input",),
            {"input": prompts, **sampling, "max_output_tokens": tokens, **tools},
            _sample(input="Why is the sky blue?"),
        ),
        "messages": Request(
            "Answer, by the API of Anthropic",
            ("messages", "max_tokens"),
            {"messages": turns, **sampling, "max_tokens": _bare(tokens), "system": {}, **tools},
            sample | {"max_tokens": 100},
        ),
        "count_tokens": Request(
            "Count the tokens of a conversation", ("messages",), {"messages": turns}, sample
        ),
    }


def _sample(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, **fields}


def _said(schema: Schema, about: str) -> Schema:
    return schema | {"description": about}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _count(most: int) -> Schema:
    return {"type": ["integer", "null"], "minimum": 1, "maximum": most}


def _bare(count: Schema) -> Schema:
    return count | {"type": "integer"}


def _list(items: Schema, least: int = 1) -> Schema:
    return {"type": "array", "minItems": least, "items": items}


_RANKED = {"query": _TEXT, "documents": _list({}), "top_n": {"type": ["integer", "null"]}}
_PAIRS: Schema = {"text_1": {}, "text_2": {}}
_AUDIO = {"file": {"type": "string", "format": "binary"}, "response_format": _TEXT}

_PLAIN = {
    "embeddings": Request(
        "Turn texts into vectors",
        ("input",),
        {"input": {"anyOf": [_TEXT, _list({})]}, "dimensions": _count(_LARGEST)},
        _sample(input=_WORDS),
    ),
    "embed": Request(
        "Turn texts into vectors, by the API of Cohere",
        (),
        {"texts": _list(_TEXT), "input_type": _TEXT},
        _sample(texts=[_WORDS]),
    ),
    "decisions": Request(
        "Answer questions about a text with one of their options",
        ("input", "questions"),
        {"input": {}, "questions": _list({"type": "object"})},
        _sample(input=_WORDS, questions=[{"id": "q", "type": "boolean"}]),
    ),
    "tokenize": Request("Turn text into tokens", (), {"prompt": _TEXT}, _sample(prompt=_WORDS)),
    "detokenize": Request(
        "Turn tokens into text",
        ("tokens",),
        {"tokens": _list({"type": "integer", "minimum": 0}, least=0)},
        _sample(tokens=[1, 2, 3]),
    ),
    "pooling": Request("Pool hidden states", ("input",), {"input": {}}, _sample(input=_WORDS)),
    "classify": Request("Classify texts", ("input",), {"input": {}}, _sample(input=_WORDS)),
    "score": Request(
        "Score how alike texts are", (), _PAIRS, _sample(text_1=_WORDS, text_2="A fast river.")
    ),
    "rerank": Request(
        "Order documents by a query",
        ("query", "documents"),
        _RANKED,
        _sample(query="mountains", documents=[_WORDS, "A fast river."]),
    ),
    "transcription": Request(
        "Write down what is said",
        ("file",),
        _AUDIO | {"language": _TEXT, "stream": {"type": "boolean"}},
        _sample(file="speech.wav"),
    ),
    "translation": Request(
        "Write down in English what is said", ("file",), _AUDIO, _sample(file="speech.wav")
    ),
}
