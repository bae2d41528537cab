"""The few fields of a request's body that decide something here. What is not named passes unseen.

Not compiled, as everything that msgspec decodes by its annotations: mypyc does not keep them.
"""

from typing import Any

import msgspec


class StreamOptions(msgspec.Struct, frozen=True, gc=False):
    include_usage: bool | None = None


class Ask(msgspec.Struct, frozen=True, gc=False):
    model: str | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | float | None = None
    best_of: int | None = None
    stream_options: StreamOptions | None = None
    # refused by `fields`, whatever they hold
    chat_template: Any = None
    chat_template_kwargs: Any = None
    prompt_embeds: Any = None
    mm_processor_kwargs: Any = None
    media_io_kwargs: Any = None
    logits_processors: Any = None
    kv_transfer_params: Any = None
    ec_transfer_params: Any = None

    @property
    def output_tokens(self) -> int:
        """The most that may be made, as far as the request says."""
        return max(
            self.max_tokens or 0, self.max_completion_tokens or 0, self.max_output_tokens or 0, 0
        )


_PART = msgspec.defstruct(
    "_Part",
    [
        (field.name, field.type | msgspec.UnsetType, msgspec.UNSET)
        for field in msgspec.structs.fields(Ask)
    ],
    gc=False,
)

NAMES = frozenset(Ask.__struct_fields__)


class Options(msgspec.Struct):
    """The same `stream_options`, with all that is in them."""

    stream_options: dict[str, msgspec.Raw] | None = None


decode = msgspec.json.Decoder(Ask).decode  # strict: `"stream": 0` is not a boolean
_decode_part = msgspec.json.Decoder(_PART).decode
decode_options = msgspec.json.Decoder(Options).decode


def decode_part(document: bytes) -> dict[str, object]:
    """Return those of the fields that a part of a body has. Raises ValueError as `decode` does."""
    part = _decode_part(document)
    found = ((name, getattr(part, name)) for name in _PART.__struct_fields__)
    return {name: value for name, value in found if value is not msgspec.UNSET}
