"""The few fields of a request's body that decide something here. What is not named passes unseen.

Not compiled, as everything that msgspec decodes by its annotations: mypyc does not keep them.
"""

import msgspec

_NONE = msgspec.Raw(b"null")


class StreamOptions(msgspec.Struct, frozen=True, gc=False):
    include_usage: bool | None = None


class Parameters(msgspec.Struct, frozen=True, gc=False):
    model: str | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | float | None = None
    best_of: int | None = None
    stream_options: StreamOptions | None = None
    # `fields` refuses them; kept as they are written, whatever they hold
    chat_template: msgspec.Raw = _NONE
    chat_template_kwargs: msgspec.Raw = _NONE
    prompt_embeds: msgspec.Raw = _NONE
    mm_processor_kwargs: msgspec.Raw = _NONE
    media_io_kwargs: msgspec.Raw = _NONE
    logits_processors: msgspec.Raw = _NONE
    kv_transfer_params: msgspec.Raw = _NONE
    ec_transfer_params: msgspec.Raw = _NONE

    @property
    def output_tokens(self) -> int:
        """The most that may be made, as far as the request says."""
        return max(
            self.max_tokens or 0, self.max_completion_tokens or 0, self.max_output_tokens or 0, 0
        )


def _or_unset(kind: type) -> object:
    """Raw, which takes anything, cannot be part of a union."""
    return kind if kind is msgspec.Raw else kind | msgspec.UnsetType


_PART = msgspec.defstruct(
    "_Part",
    [
        (field.name, _or_unset(field.type), msgspec.UNSET)
        for field in msgspec.structs.fields(Parameters)
    ],
    gc=False,
)

PARAMETER_NAMES = frozenset(Parameters.__struct_fields__)


class Options(msgspec.Struct):
    """The same `stream_options`, with all that is in them."""

    stream_options: dict[str, msgspec.Raw] | None = None


decode_parameters = msgspec.json.Decoder(
    Parameters
).decode  # strict: `"stream": 0` is not a boolean
_decode_part = msgspec.json.Decoder(_PART).decode
decode_options = msgspec.json.Decoder(Options).decode


def decode_part(document: bytes) -> dict[str, object]:
    """Return those of the fields that a part of a body has. Raises ValueError."""
    part = _decode_part(document)
    found = ((name, getattr(part, name)) for name in _PART.__struct_fields__)
    return {name: value for name, value in found if value is not msgspec.UNSET}
