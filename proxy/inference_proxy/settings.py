"""The gateway's settings, read from the environment once and trusted afterwards."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

_BACKEND = "http://127.0.0.1:8000"
_DEFAULT_SECONDS = 90.0
_MAX_SECONDS = 600.0
_MAX_BYTES = 50 * 1024 * 1024


class InvalidSetting(Exception):
    """One variable, what it holds, and what it may hold."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Timeouts are seconds, sizes are bytes, backends are origins (`http://host:port`)."""

    backends: tuple[str, ...] = (_BACKEND,)
    engine_enabled: bool = True
    keys_file: Path | None = None
    default_timeout: float = _DEFAULT_SECONDS
    max_timeout: float = _MAX_SECONDS
    max_body: int = _MAX_BYTES

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Unset and empty mean the default. Raises InvalidSetting."""
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        settings = cls(
            backends=_origins(given.get("INFERENCE_BACKENDS", _BACKEND)),
            engine_enabled=_is_enabled(given.get("INFERENCE_ENGINE", "enabled")),
            keys_file=Path(given["INFERENCE_KEYS_FILE"])
            if "INFERENCE_KEYS_FILE" in given
            else None,
            default_timeout=_seconds(given, "INFERENCE_DEFAULT_TIMEOUT_SECONDS", _DEFAULT_SECONDS),
            max_timeout=_seconds(given, "INFERENCE_MAX_TIMEOUT_SECONDS", _MAX_SECONDS),
            max_body=_bytes(given, "INFERENCE_MAX_BODY_BYTES", _MAX_BYTES),
        )
        if settings.default_timeout > settings.max_timeout:
            raise InvalidSetting(
                f"INFERENCE_DEFAULT_TIMEOUT_SECONDS is {settings.default_timeout:g}, "
                f"it may be at most INFERENCE_MAX_TIMEOUT_SECONDS ({settings.max_timeout:g})"
            )
        return settings


def _origins(value: str) -> tuple[str, ...]:
    return tuple(_origin(part.strip()) for part in value.split(","))


def _origin(value: str) -> str:
    try:
        url = urlsplit(value)
        named = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        named = False
    if not named or url.path not in {"", "/"} or url.query or url.fragment or url.username:
        raise InvalidSetting(
            f"INFERENCE_BACKENDS holds {value!r}, it takes origins such as "
            "http://127.0.0.1:8000, separated by commas"
        )
    return f"{url.scheme}://{url.netloc}"


def _is_enabled(value: str) -> bool:
    if value not in {"enabled", "disabled"}:
        raise InvalidSetting(f"INFERENCE_ENGINE is {value!r}, it takes enabled or disabled")
    return value == "enabled"


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    try:
        seconds = float(given.get(name, default))
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidSetting(f"{name} is {given[name]!r}, it takes a number of seconds above 0")
    return seconds


def _bytes(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise InvalidSetting(f"{name} is {value!r}, it takes a whole number of bytes above 0")
    return int(value)
