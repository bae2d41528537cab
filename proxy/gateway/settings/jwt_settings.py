"""Which tokens of an OpenID provider are accepted, and what they let their bearers do."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.core.addresses import is_loopback
from gateway.core.priority import Class
from gateway.settings.backend_settings import COUNT, Count, Name
from gateway.settings.document import InvalidSetting
from gateway.settings.options import option

# No symmetric ones: with them, verifying a token takes the secret that signs tokens.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]

_ALGORITHMS = "a list of RS256, PS256, ES256 (each also with 384 and 512) and EdDSA"
_CLAIM = "the name of a claim"
_URL = "an https URL (http only on loopback)"


class JwtSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The limits are those of each caller, not of all together. Raises InvalidSetting."""

    issuer: Annotated[str, option("Whose tokens are accepted, as their `iss` says.", _URL)]
    audience: Annotated[Name, option("Whom they are for, as their `aud` says.", "a name")]
    jwks_url: Annotated[
        str | None,
        option("Where the issuer's keys are; not set: as its openid-configuration says.", _URL),
    ] = None
    algorithms: Annotated[
        Annotated[tuple[Algorithm, ...], Meta(min_length=1)],
        option("How tokens may be signed.", _ALGORITHMS),
    ] = ("RS256", "ES256")
    id_claim: Annotated[
        Name, option("Names the caller; the key id is this after `jwt:`.", _CLAIM)
    ] = "sub"
    models_claim: Annotated[
        Name | None,
        option(
            "Lists the models that may be used; not set: all may. A token without: none.", _CLAIM
        ),
    ] = None
    priority_claim: Annotated[
        Name | None, option("Names the priority class; `priority` where it is absent.", _CLAIM)
    ] = None
    priority: Annotated[
        Class, option("Priority class of the callers.", "interactive, standard or batch")
    ] = "standard"
    requests_per_minute: Annotated[Count | None, option("Of each caller.", COUNT)] = None
    tokens_per_minute: Annotated[Count | None, option("Of each caller.", COUNT)] = None
    concurrency: Annotated[Count | None, option("Requests at once of each caller.", COUNT)] = None
    tokens_per_day: Annotated[Count | None, option("Of each caller.", COUNT)] = None
    leeway_seconds: Annotated[
        Annotated[float, Meta(ge=0, le=300)],
        option("How far the issuer's clock may be off.", "0 to 300 seconds"),
    ] = 5.0
    refresh_seconds: Annotated[
        Annotated[float, Meta(ge=10, le=86_400)],
        option("Between looks at the issuer's keys.", "10 to 86400 seconds"),
    ] = 300.0

    def __post_init__(self) -> None:
        for name, url in (("issuer", self.issuer), ("jwks_url", self.jwks_url)):
            if url is not None and not is_safe(url):
                raise InvalidSetting(f"{name} of jwt is {url!r}, it takes {_URL}")


def is_safe(url: str) -> bool:
    """Whether what comes from there is known to come from there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" if not is_loopback(host) else parts.scheme in {"http", "https"}
