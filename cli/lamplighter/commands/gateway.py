"""`lamplighter gateway`: the gateway alone, in front of any OpenAI-compatible server."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands import handover
from lamplighter.errors import Unavailable
from lamplighter.keys import entries
from lamplighter.screens.screen import plain

VARIABLE = "LAMPLIGHTER_GATEWAY_KEY"
BACKEND_VARIABLE = "LAMPLIGHTER_BACKEND_KEY"
_BACKENDS, _CONFIG, _KEYS = "INFERENCE_BACKENDS", "INFERENCE_CONFIG", "INFERENCE_KEYS_FILE"
_BACKEND_KEY = "INFERENCE_BACKEND_KEY_FILE"


class Backend(click.ParamType):
    """The origin of a server; the `/v1` that its clients' base URL ends in may stand there too."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            url = urlsplit(value)
            plausible = url.scheme in {"http", "https"} and url.hostname and url.port != 0
        except ValueError:
            plausible = False
        bare = plausible and not (url.query or url.fragment or url.username or "," in value)
        if not bare or url.path.rstrip("/") not in {"", "/v1"}:
            self.fail(f"{value!r} is no server: write http://127.0.0.1:8000", param, ctx)
        return f"{url.scheme}://{url.netloc}"


class Key(click.ParamType):
    """Any text that fits into a header; the text itself is never repeated in a message."""

    name = "key"

    def __init__(self, where: str = "a key") -> None:
        self.where = where

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            self.fail(f"{self.where} is one word of printable ASCII characters", param, ctx)
        return value


@dataclass(frozen=True, slots=True)
class Door:
    """Where it listens, and who may come in."""

    host: str
    port: int
    is_open: bool

    @property
    def url(self) -> str:
        """As it is reached from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


@click.command(
    epilog=example(
        "lamplighter gateway --backend http://127.0.0.1:8000 --port 8080",
        "export LAMPLIGHTER_GATEWAY_KEY=sk-anything-long",
        "lamplighter gateway --backend http://gpu1:8000 --backend http://gpu2:8000 \\",
        "  --host 0.0.0.0 --port 8080",
    )
)
@click.option("--backend", "backends", type=Backend(), multiple=True, help="A server; repeatable.")
@click.option(
    "--backend-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Holds the key that the servers ask for; else {BACKEND_VARIABLE}.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option(
    "--key",
    "keys",
    type=Key(),
    multiple=True,
    envvar=VARIABLE,
    help=f"An API key that is let in; repeatable. Better in {VARIABLE}.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON document with more settings.",
)
@pass_options
def gateway(
    options: Options,
    backends: tuple[str, ...],
    backend_key_file: Path | None,
    host: str,
    port: int,
    keys: tuple[str, ...],
    config: Path | None,
) -> None:
    """Run the gateway in front of any OpenAI server.

    Needs no AWS. It learns the models from its backends. Without a key it is open, and listens on
    this machine only.
    """
    environment = _environment(backends, config, backend_key_file)
    if not {_BACKENDS, _CONFIG} & environment.keys():
        raise click.UsageError("name a server with --backend, or a document with --config")
    if keys and _KEYS in environment:
        raise click.UsageError(f"a key and {_KEYS} are given: the gateway reads one of them")
    secret = None if backend_key_file else _backend_key()
    guarded = keys or {_KEYS, _CONFIG} & environment.keys()
    door = Door(host, port, is_open=not guarded)
    _refuse_open_door(door)
    _announce(options, door, environment)
    _warn(options, door)
    command = [sys.executable, "-P", "-m", "gateway", "--host", host, "--port", str(port)]
    if not (keys or secret):
        handover.become(command, environment)
    with tempfile.TemporaryDirectory(prefix="lamplighter-gateway-") as folder:
        written = _written(Path(folder), keys, secret)
        status = handover.accompany(command, environment | written)
    sys.exit(status)


def _backend_key() -> str | None:
    """Return the key that the servers ask for, from the environment; raise BadParameter."""
    key = os.environ.get(BACKEND_VARIABLE)
    return Key(BACKEND_VARIABLE).convert(key, None, None) if key else None


def _environment(
    backends: Sequence[str], config: Path | None, backend_key_file: Path | None
) -> dict[str, str]:
    """Return the gateway's: the caller's settings stay, the keys themselves do not."""
    if importlib.util.find_spec("gateway") is None:
        raise Unavailable(
            "the gateway is not installed beside lamplighter (the package gateway): run "
            "`make setup` in Lamplighter's checkout, or use its container"
        )
    ours = {VARIABLE, BACKEND_VARIABLE}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    if backends:
        environment[_BACKENDS] = ",".join(dict.fromkeys(backends))
    if config:
        environment[_CONFIG] = str(config.resolve())
    if backend_key_file:
        environment[_BACKEND_KEY] = str(backend_key_file.resolve())
    return environment


def _refuse_open_door(door: Door) -> None:
    try:
        inside = ipaddress.ip_address(door.host).is_loopback
    except ValueError:
        inside = door.host == "localhost"
    if door.is_open and not inside:
        raise click.UsageError(
            f"--host {door.host} without a key would admit every caller: set {VARIABLE}, or listen "
            "on 127.0.0.1"
        )


def _announce(options: Options, door: Door, environment: dict[str, str]) -> None:
    behind = environment.get(_BACKENDS, "").split(",") if _BACKENDS in environment else []
    leads = ", ".join(behind) or f"what {environment.get(_CONFIG)} names"
    asked = f"curl {door.url}/v1/models"
    if not door.is_open:
        asked = f"""printf 'Authorization: Bearer %s' "${VARIABLE}" | {asked} -H @-"""
    options.screen().answer(
        {"url": f"{door.url}/v1", "backends": behind, "open": door.is_open},
        plain(f"starting: {door.url}/v1 will lead to {leads}"),
        plain(f"  try it once it is listening:  {asked}"),
    )


def _warn(options: Options, door: Door) -> None:
    screen, context = options.screen(), click.get_current_context()
    if door.is_open:
        screen.say(f"open: every program of this machine may ask; a key in {VARIABLE} closes it")
    if context.get_parameter_source("keys") is ParameterSource.COMMANDLINE:
        screen.say(f"other users of this machine can see --key; {VARIABLE} hides it from them")


def _written(folder: Path, keys: Sequence[str], secret: str | None) -> dict[str, str]:
    """Write what the gateway needs to know of the keys, for this user only; return its settings.

    Of the keys that are let in salted hashes, the servers' own key itself.
    """
    named = enumerate(dict.fromkeys(keys), start=1)
    known = [entries.entry(f"key-{n}", key) | {"foreign": True} for n, key in named]
    contents = {_KEYS: json.dumps({"keys": known}) if keys else None, _BACKEND_KEY: secret}
    settings = {}
    for variable, content in contents.items():
        if content is not None:
            path = folder / {_KEYS: "keys", _BACKEND_KEY: "backend-key"}[variable]
            path.touch(mode=0o600)
            path.write_text(content, encoding="ascii")
            settings[variable] = str(path)
    return settings
