"""The few fields that are read of a backend's answers.

Not compiled, as everything that msgspec decodes by its annotations: mypyc does not keep them.
"""

from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=0, lt=10**12)]  # larger ones overflow sums


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None


class _Counted(msgspec.Struct, gc=False):
    usage: _Usage | None = None


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Ended(msgspec.Struct, gc=False):
    type: str | None = None
    choices: tuple[_Choice, ...] = ()
    stop_reason: str | None = None


class _Version(msgspec.Struct):
    version: str | None = None


counted = msgspec.json.Decoder(_Counted).decode
ended = msgspec.json.Decoder(_Ended).decode
version = msgspec.json.Decoder(_Version).decode
