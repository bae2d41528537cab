"""The gateway's side of the contracts: the one place here that knows its modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.access import keys_file
from gateway.access.keys_file import InvalidKeysFile
from gateway.backends.host_status import HostStatus
from gateway.core.errors import HostDraining
from gateway.core.restricted_fields import NAMES as RESTRICTED
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings, reference
from gatewaylab.visiting import Visitor, chat, written_keys

__all__ = ["RESTRICTED", "InvalidKeysFile"]

_OPTIONS = [option for option in reference() if "." not in option.name and "[" not in option.name]
SETTINGS = [option.name for option in _OPTIONS]
RESTARTED = [option.name for option in _OPTIONS if option.restart]


def settings(document: Path | None) -> Settings:
    return Settings.load(document, {})


def entry(key_id: str, key: str, **more: Any) -> dict[str, Any]:
    return keys_file.new_entry(key_id, key, **more)


def read_keys(path: Path) -> list[Any]:
    """Return the keys of a file; raise InvalidKeysFile."""
    return list(keys_file.read(path))


def refusal(status: Path, now: float) -> dict[str, Any] | None:
    """Return how a new request is refused at that time, by the agent's file; None: it is taken."""
    host = HostStatus(status)
    host.read()
    try:
        host.check_draining(now)
    except HostDraining as error:
        retry = dict(error.headers())[b"retry-after"].decode()
        return {"status": error.status, "retry_after": retry, "code": error.code}
    return None


async def metrics_page(folder: Path, requests: list[dict[str, Any]]) -> str:
    """Return /metrics of a gateway that has answered these: what of a good chat is different."""
    own = BackendSettings(url="http://127.0.0.1:8000")
    fallback = BackendSettings(url="https://llm.example.com", fallback=True)
    visitor = Visitor(Settings(backends=(own, fallback), keys_file=written_keys(folder)))
    for changes in requests:
        visitor.gateway.recorder.record(chat(**changes))
    return (await visitor.ask("/metrics")).text
