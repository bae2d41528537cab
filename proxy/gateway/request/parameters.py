"""The few fields of a request's body that decide something here. What is not named passes unseen.

Each operation has its own: `max_tokens` of an embedding means nothing to the engine, and nothing
here. Values are read as vLLM reads them, which takes `10.0`, `"10"` and `"true"` as well.

Not compiled, as everything that msgspec decodes by its annotations: mypyc does not keep them.
"""

import re
from typing import Any

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
    n: int | None = None
    best_of: int | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    cache_salt: msgspec.Raw = _NONE
    # `field_check` refuses them; kept as they are written, whatever they hold
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
        """The most that each answer may have, 0 if the request does not say it."""
        return max(
            self.max_tokens or 0, self.max_completion_tokens or 0, self.max_output_tokens or 0, 0
        )

    @property
    def choices(self) -> int:
        """How many answers are made for each prompt."""
        return max(self.n or 1, self.best_of or 1)


PARAMETER_NAMES = frozenset(Parameters.__struct_fields__)

_STREAMED = {"stream", "stream_options", "n", "max_tokens"}
_OWN = {  # the fields that mean something to one operation only
    "chat": _STREAMED | {"max_completion_tokens"},
    "chat_batch": {"n", "best_of", "max_tokens", "max_completion_tokens"},
    "text_completion": _STREAMED | {"best_of"},
    "responses": {
        "stream", "max_output_tokens", "store", "background", "previous_response_id",
    },
    "messages": {"stream", "max_tokens"},
}  # fmt: skip
_MEANINGLESS = {
    operation: frozenset().union(*_OWN.values()) - fields for operation, fields in _OWN.items()
}
_ALL_MEANINGLESS = frozenset().union(*_OWN.values())

_NUMBERS = {"max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of"}
_SWITCHES = {"stream", "store", "background"}
_WHOLE = re.compile(r"\s*([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?\s*")
_MOST_DIGITS = 4300  # more are no number to Python
_MOST_OF_A_FLOAT = 2.0**63  # beyond, pydantic takes it for no whole number
_TRUE, _FALSE = {"1", "true", "t", "yes", "y", "on"}, {"0", "false", "f", "no", "n", "off"}


class Fields:
    """Decodes a body's parameters for one operation."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        unread = _MEANINGLESS.get(operation, _ALL_MEANINGLESS)
        self._strict = msgspec.json.Decoder(_struct(unread))
        self._lax = msgspec.json.Decoder(_struct(unread, lax=True))
        self._part = msgspec.json.Decoder(_struct(unread, part=True))
        self._lax_part = msgspec.json.Decoder(_struct(unread, lax=True, part=True))

    def whole(self, body: bytes) -> Parameters:
        """Raises ValueError for what the engine could not read either."""
        try:
            found: Parameters = self._strict.decode(body)
        except msgspec.ValidationError:
            return made(_values(self._lax.decode(body)))
        return found

    def part(self, document: bytes) -> dict[str, Any]:
        """Return those of the fields that a part of a body has, for `made`. Raises ValueError."""
        try:
            return _values(self._part.decode(document))
        except msgspec.ValidationError:
            return _values(self._lax_part.decode(document))


def made(values: dict[str, Any]) -> Parameters:
    """Convert as pydantic does. Raises ValueError for what it would not take either."""
    return Parameters(**{name: _converted(name, value) for name, value in values.items()})


def _struct(unread: frozenset[str], *, lax: bool = False, part: bool = False) -> Any:
    """Return a Struct like Parameters. What is not to be read gets a name that no client has."""
    fields = []
    for each in msgspec.structs.fields(Parameters):
        kind: Any = each.type
        if lax and kind is not msgspec.Raw and each.name != "model":
            kind = Any
        elif part and kind is not msgspec.Raw:  # Raw takes anything, and is part of no union
            kind = kind | msgspec.UnsetType
        name = f"(unread) {each.name}" if each.name in unread else each.name
        default = msgspec.UNSET if part else each.default
        fields.append((each.name, kind, msgspec.field(default=default, name=name)))
    bases = (Parameters,) if not (lax or part) else ()
    return msgspec.defstruct("Parameters", fields, bases=bases, frozen=True, gc=False)


def _values(found: Any) -> dict[str, Any]:
    each = ((name, getattr(found, name)) for name in type(found).__struct_fields__)
    return {name: value for name, value in each if value is not msgspec.UNSET}


def _converted(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _NUMBERS:
        return _number(name, value)
    if name in _SWITCHES:
        return _truth(name, value)
    if name == "stream_options" and not isinstance(value, StreamOptions):
        if not isinstance(value, dict):
            raise _wrong(name, "an object", value)
        asked = value.get("include_usage")
        return StreamOptions(None if asked is None else _truth(f"{name}.include_usage", asked))
    if name == "previous_response_id" and not isinstance(value, str):
        raise _wrong(name, "a text", value)
    return value


def _number(name: str, value: Any) -> int:
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and _fits(value)):
        return int(value)
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and (found := _WHOLE.fullmatch(value)):
        return int(found[1])
    raise _wrong(name, "a whole number", value)


def _fits(value: float) -> bool:
    return abs(value) < _MOST_OF_A_FLOAT


def _truth(name: str, value: Any) -> bool:
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise _wrong(name, "true or false", value)


def _wrong(name: str, takes: str, value: Any) -> ValueError:
    return ValueError(f"{name!r} takes {takes}, and is {type(value).__name__}")


class _Model(msgspec.Struct):
    model: str | None = None


class _Asked(msgspec.Struct):
    stream_options: StreamOptions | None = None


class _Options(msgspec.Struct):
    stream_options: msgspec.Raw = _NONE


_by_operation: dict[str, Fields] = {}
_decode_model = msgspec.json.Decoder(_Model).decode
_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_options = msgspec.json.Decoder(_Options).decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode


def fields_of(operation: str) -> Fields:
    found = _by_operation.get(operation)
    if found is None:
        found = _by_operation[operation] = Fields(operation)
    return found


def decode_model(body: bytes) -> str | None:
    """Raises ValueError."""
    return _decode_model(body).model


def asks_for_usage(body: bytes) -> bool:
    """Raises ValueError."""
    options = _decode_asked(body).stream_options
    return options is not None and bool(options.include_usage)


def decode_options(body: bytes) -> dict[str, msgspec.Raw]:
    """Return all `stream_options`: of two fields of this name the last one counts.

    Raises ValueError.
    """
    return _decode_names(_decode_options(body).stream_options) or {}
