"""Refuse addresses that the engine would fetch pictures, sound or files from, unless listed.

A caller who names an address makes the engine's host ask it. Data that the request itself holds
passes. The engine follows redirects of a listed host: list those that you trust.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from gateway.core.errors import InvalidRequest

# A body without any of these names no address; one with them is parsed. Looked for one by one: a
# pattern with alternatives costs thirty times as much.
_NAMES = (b'url"', b'"images"', b"\\u00")
_SCHEMED = re.compile(rb'"\s*(?!data:)[A-Za-z][A-Za-z0-9+.-]{0,20}:|\\u00')
_FIELDS = json.JSONDecoder(object_pairs_hook=tuple, parse_int=len, parse_float=len)
_DESCRIBED = {"tools", "functions", "response_format", "structured_outputs", "text", "metadata"}
_KEYS = {"image_url", "audio_url", "video_url", "file_url"}
_PICTURES = "images"
_CUT = ""  # stands for the name of what a large body was cut within
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PLAIN = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[/?#][!-\[\]-~]*)?"
)
_SHOWN = 100
ANY = "*"


def check(body: bytes, hosts: Collection[str], within: str = "") -> None:
    """Look at a valid JSON body, or a part of one. Raises InvalidRequest.

    `within`: the field of the request that a part goes on with.
    """
    if within != _PICTURES:
        for name in _NAMES:
            if name in body:
                break
        else:
            return
    if ANY in hosts or not _SCHEMED.search(body):
        return
    for address in _addresses(body.decode(errors="replace"), within):
        if not _is_allowed(address.strip(), hosts):
            raise InvalidRequest(
                f"The engine would fetch {address[:_SHOWN]!r}, which is refused here: send the "
                "data itself (data:image/png;base64,...). The operator of this gateway can allow "
                "its host: media_hosts in its configuration, or INFERENCE_MEDIA_HOSTS."
            )


def _is_allowed(address: str, hosts: Collection[str]) -> bool:
    if address[:5].lower() == "data:" or not _SCHEME.match(address):
        return True
    found = _PLAIN.fullmatch(address)  # two readers of anything odder may see different hosts
    if found is None:
        return False
    host = found[1].lower().rstrip(".")
    return host in hosts or any(one.startswith(".") and host.endswith(one) for one in hosts)


def _addresses(text: str, within: str) -> Iterator[str]:
    for name, value in _FIELDS.decode(text):
        field = name or within
        if field not in _DESCRIBED:
            yield from _of_field(field, value)


def _of_field(field: str, value: Any) -> Iterator[str]:
    may_be_cut = field != "documents"  # whose own addresses nothing fetches
    waiting: list[Any] = [((field, value),)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, tuple):
            yield from _of_object(value, may_be_cut=may_be_cut)
            waiting += [inner for _, inner in value]


def _of_object(fields: tuple[tuple[str, Any], ...], *, may_be_cut: bool) -> Iterator[str]:
    names = {name for name, _ in fields}
    is_source = (may_be_cut and _CUT in names) or ("type", "url") in [
        (n, v) for n, v in fields if n == "type"
    ]
    for name, value in fields:
        if isinstance(value, str) and (name in _KEYS or (name == "url" and is_source)):
            yield value
        elif isinstance(value, tuple) and name in {*_KEYS, _CUT}:
            yield from (url for key, url in value if key == "url" and isinstance(url, str))
        elif name == _PICTURES and isinstance(value, list):
            yield from (one for one in value if isinstance(one, str))
