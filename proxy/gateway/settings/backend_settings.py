"""Where a model server is and what it takes: one entry of `backends` in the settings."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr, replace

from gateway.core.priority import CLASSES, Class
from gateway.settings.document import InvalidSetting
from gateway.settings.options import option

COUNT = "a whole number above 0"
FILE = "the path of a file"
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")
_HEADER_NAME, _HEADER_VALUE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"), re.compile(r"[ -~]*")
_OURS = {"host", "content-length", "transfer-encoding", "connection", "x-request-id"}
_DEFAULT_PORTS = {"http": 80, "https": 443}

Count = Annotated[int, Meta(gt=0, le=2**62)]
Name = Annotated[str, Meta(min_length=1)]


def _base(value: str) -> str:
    """Return `scheme://host:port/path` without a slash, and without the `/v1` of the API's paths.

    Raises InvalidSetting.
    """
    try:
        url = urlsplit(value)
        named = url.scheme in _DEFAULT_PORTS and url.hostname and url.port != 0
    except ValueError:
        named = False
    if not named or not _PATH.fullmatch(url.path) or url.query or url.fragment or url.username:
        raise InvalidSetting(
            f"{value!r} is no address such as http://127.0.0.1:8000 or https://llm.example.com/base"
        )
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/').removesuffix('/v1')}"


def _check_header(name: str, value: str) -> None:
    """Raises InvalidSetting; the value may be a secret, and is not repeated."""
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
        raise InvalidSetting(f"headers holds {name!r}, which is no header that may be set")
    if not _HEADER_VALUE.fullmatch(value):
        raise InvalidSetting(f"headers: the value of {name} is no printable ASCII")


class BackendSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One model server. `host` and `port` are where it is reached, `name` is both and the path."""

    url: Annotated[
        str,
        option(
            "Where the model server is; its paths (/v1/models ...) follow.",
            "an address such as http://127.0.0.1:8000 or https://llm.example.com/base",
        ),
    ]
    models: Annotated[
        tuple[Name, ...] | None,
        option("Names it serves; not set: learned from its /v1/models.", "a list of names"),
    ] = None
    names: Annotated[
        dict[Name, Name],
        option(
            "What a model is called there, where that is another name.",
            "names of models and their names there",
        ),
    ] = field(default_factory=dict)
    fallback: Annotated[
        bool,
        option("Used only while no other backend of the model can be asked.", "true or false"),
    ] = False
    classes: Annotated[
        tuple[Class, ...],
        option("Priority classes it takes; none named: all.", f"a list of {', '.join(CLASSES)}"),
    ] = ()
    max_in_flight: Annotated[
        Count,
        option("Requests at once; more wait in the queue.", COUNT),
    ] = 1024
    api_key_file: Annotated[
        Path | None, option("Holds the key that the gateway shows to this backend.", FILE)
    ] = None

    ca_file: Annotated[
        Path | None,
        option("Certificates (PEM) that its own is checked against; not set: the system's.", FILE),
    ] = None
    headers: Annotated[
        dict[str, str],
        option("Headers that each request to this backend gets.", "names of headers and values"),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        force_setattr(self, "url", _base(self.url))
        for name, value in self.headers.items():
            _check_header(name, value)
        if self.models is not None and not self.models:
            raise InvalidSetting("models names none: leave it out to learn them")
        self._check_names()

    def _check_names(self) -> None:
        unknown = sorted(set(self.names).difference(self.models or self.names))
        if unknown:
            raise InvalidSetting(
                f"names holds {', '.join(unknown)}, and models does not: add it there, or leave it "
                "out here"
            )

    def with_key_file(self, path: Path) -> Self:
        """Return it with the file of its key, if it names none. A fallback is shown no other's."""
        return self if self.api_key_file or self.fallback else replace(self, api_key_file=path)

    @property
    def tls(self) -> bool:
        return self.url.startswith("https:")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _DEFAULT_PORTS[parts.scheme]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        return self.authority + self.path
