"""Request fields that make the engine run or load what the caller sent: refused unless allowed.

By vLLM's own sources (0.11 to 0.32) a caller's `chat_template` is a program that nothing stops
(`chat_template_kwargs` could carry one, too, or replace other arguments of the same call),
embeddings go through `torch.load`, multimodal arguments choose decoders and sizes, and transfer
parameters name a host to load from. Newer versions refuse some of it by themselves; which version
runs is not known here.

What the request has is in its `Ask`, which is read anyway. Parts of messages lie deeper: the body
is searched for their names, and only one that has such a word is read for them.
"""

import json
import re
from collections.abc import Collection, Iterator

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.request.fields import Ask

KWARGS = "chat_template_kwargs"
_TEMPLATE = "it is a program for the engine"
_TENSOR = "it is a serialised tensor, which the engine would load"
_MEDIA = "it changes how much the engine's processor of images, audio and video takes"
_TRANSFER = "it names where the engine loads from"

# Fields of the request itself.
TOP = {
    "chat_template": _TEMPLATE,
    "prompt_embeds": _TENSOR,
    "mm_processor_kwargs": _MEDIA,
    "media_io_kwargs": _MEDIA,
    "logits_processors": "it names code for the engine",
    "kv_transfer_params": _TRANSFER,
    "ec_transfer_params": _TRANSFER,
}
# Parts of a message's content: by their `type`, or by a field of this name.
PARTS = dict.fromkeys(("image_embeds", "audio_embeds", "video_embeds", "prompt_embeds"), _TENSOR)
# https://github.com/huggingface/transformers: apply_chat_template; vllm/renderers/hf.py calls it.
_ARGUMENTS = (
    "chat_template", "conversation", "messages", "model_config", "padding", "truncation",
    "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask",
    "sanitize_control_tokens", "self", "tokenize", "tokenizer", "tokenizer_kwargs",
    "processor_kwargs",
)  # fmt: skip
_OWN_FIELDS = ("tools", "documents", "add_generation_prompt", "continue_final_message")
REPLACED = dict.fromkeys(_ARGUMENTS, "it replaces an argument of the engine's own call") | {
    name: f"send {name!r} as a field of the request itself" for name in _OWN_FIELDS
}
NAMES = frozenset({*TOP, *PARTS, *(f"{KWARGS}.{name}" for name in REPLACED)})

_NAMED = re.compile(b"_embeds")
_ESCAPED = re.compile(rb"\\u00[567]")  # the letters of their names
_ABSENT = re.compile(rb'null|false|0|""|\[\s*\]|\{\s*\}')
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# An object becomes its fields, a tuple of (name, value); numbers are not read, whatever their size.
_FIELDS = json.JSONDecoder(object_pairs_hook=tuple, parse_int=len, parse_float=len)
# Fields of the request that describe data: a name in a schema is no part of a message.
_SCHEMAS = {"tools", "functions", "response_format", "structured_outputs", "text", "metadata"}


def check(ask: Ask, body: bytes, allowed: Collection[str]) -> None:
    """Refuse a valid JSON body, or a part of one, that has such a field. Raises InvalidRequest.

    Of two fields of the request with one name the last one counts, as for the engine; null and
    empty lists and objects are no values. allowed: names out of `NAMES`.
    """
    for name, why in TOP.items():
        if name not in allowed and not _ABSENT.fullmatch(getattr(ask, name)):
            raise _refused(name, name, why)
    if bytes(ask.chat_template_kwargs).startswith(b"{"):
        for name in REPLACED.keys() & _decode_names(ask.chat_template_kwargs):
            if (path := f"{KWARGS}.{name}") not in allowed:
                raise _refused(path, KWARGS, REPLACED[name])
    if _NAMED.search(body) or _ESCAPED.search(body):
        for name in _parts(body):
            if name not in allowed:
                raise _refused(name, name, PARTS[name])


def _parts(body: bytes) -> Iterator[str]:
    """Yield the names of the parts, wherever a message of this valid JSON could have them.

    Every field counts, also one whose name stands again later in its object.
    """
    skipped = {*_SCHEMAS, *TOP, KWARGS}
    waiting = [value for name, value in _FIELDS.decode(body.decode()) if name not in skipped]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            for name, inner in value:
                if name in PARTS and inner is not None:
                    yield name
                if name == "type" and isinstance(inner, str) and inner in PARTS:
                    yield inner
                waiting.append(inner)
        elif isinstance(value, list):
            waiting += value


def _refused(name: str, param: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name!r} is refused here: {why}. The operator of this gateway can allow it: "
        f"allow_fields: [{name}] in its configuration, or INFERENCE_ALLOW_FIELDS={name}.",
        param=param,
    )
