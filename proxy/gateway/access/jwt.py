"""Authenticate callers by tokens of the OpenID provider that the settings name.

The provider's keys are fetched in the background, never while a request waits. Without an answer of
the provider the last good ones stay in force. A verified token is remembered by its digest until it
expires or the provider's keys change.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from gateway.core.caller import NO_LIMITS, Caller, Limits
from gateway.core.errors import BackendUnavailable, InvalidKey
from gateway.core.log import logger
from gateway.core.priority import CLASSES
from gateway.settings.jwt_settings import JwtSettings, is_safe

if TYPE_CHECKING:
    from gateway.access.token_verifier import ProviderKeys

LONGEST_TOKEN = 8192  # bytes
KNOWN_TOKENS = 10_000
RETRY_SECONDS = 10.0  # after a failure, and between looks for a key that is not known
_FETCH_SECONDS = 10.0
_LARGEST_ANSWER = 1024 * 1024
_DISCOVERY = "/.well-known/openid-configuration"

_ID = re.compile(r"[!-~]{1,128}")  # what a log line and a label can hold


class _Provider(msgspec.Struct):
    issuer: str
    jwks_uri: str


class Jwt:
    """The tokens of one provider; `settings` are those it was made with."""

    def __init__(
        self, settings: JwtSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        from gateway.access import token_verifier  # noqa: PLC0415 -- 0.1 s, only where tokens are accepted

        self._tokens = token_verifier
        self.settings = settings
        self._transport = transport
        self._keys: ProviderKeys = {}
        self._content = b""
        self._known: dict[bytes, tuple[Caller, float]] = {}
        self._wanted = asyncio.Event()
        limits = Limits(
            settings.requests_per_minute,
            settings.tokens_per_minute,
            settings.concurrency,
            settings.tokens_per_day,
        )
        self._limits = NO_LIMITS if limits == NO_LIMITS else limits

    @staticmethod
    def is_token(key: bytes) -> bool:
        """Whether it has the form of a signed token; no key of ours has."""
        return key.startswith(b"eyJ") and key.count(b".") == 2  # noqa: PLR2004 -- three parts

    def identify_token(self, token: bytes, now: float) -> Caller:
        """Return the caller of the token; `now` is seconds since the epoch.

        Raises InvalidKey, or BackendUnavailable before the provider's keys are here.
        """
        digest = sha256(token).digest() if len(token) <= LONGEST_TOKEN else b""
        known = self._known.get(digest)
        if known is not None and now < known[1]:
            return known[0]
        if not digest:
            raise InvalidKey("The token is too long.")
        if not self._keys:
            raise BackendUnavailable("The keys of the tokens' issuer are not known yet.", seconds=1)
        claims = self._verified(token)
        caller = self._caller(claims)
        self._remember(digest, caller, float(claims["exp"]) + self.settings.leeway_seconds)
        return caller

    async def run(self) -> None:
        """Keep the provider's keys up to date, for ever."""
        async with httpx.AsyncClient(transport=self._transport, timeout=_FETCH_SECONDS) as client:
            while True:
                is_fetched = await self.fetch(client)
                await asyncio.sleep(RETRY_SECONDS)
                if is_fetched:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self.settings.refresh_seconds - RETRY_SECONDS):
                            await self._wanted.wait()
                self._wanted.clear()

    async def fetch(self, client: httpx.AsyncClient) -> bool:
        """Get the provider's keys; return whether that was possible."""
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                content = await _get(client, await self._jwks_url(client))
            keys = self._tokens.parse(content, self.settings)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
            logger.warning("issuer's keys not fetched: %s: %s", type(error).__name__, error)
            return False
        if content != self._content:
            self._content, self._keys = content, keys
            self._known.clear()  # a withdrawn key vouches for no token
            logger.info("fetched %d keys of the tokens' issuer", len(keys))
        return True

    async def _jwks_url(self, client: httpx.AsyncClient) -> str:
        settings = self.settings
        if settings.jwks_url is not None:
            return settings.jwks_url
        document = await _get(client, settings.issuer.rstrip("/") + _DISCOVERY)
        provider = msgspec.json.decode(document, type=_Provider)
        if provider.issuer != settings.issuer or not is_safe(provider.jwks_uri):
            raise ValueError("its openid-configuration names another issuer or an unsafe jwks_uri")
        return provider.jwks_uri

    def _verified(self, token: bytes) -> Mapping[str, Any]:
        try:
            return self._tokens.verify(token, self._keys, self.settings)
        except self._tokens.UnknownSigner:
            self._wanted.set()
            raise

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        settings = self.settings
        name = claims[settings.id_claim]
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise InvalidKey("The token names its bearer in a way that cannot be used here.")
        models = _names(claims.get(settings.models_claim)) if settings.models_claim else None
        wish = claims.get(settings.priority_claim) if settings.priority_claim else None
        priority = CLASSES.index(wish if wish in CLASSES else settings.priority)
        return Caller(f"jwt:{name}", models, priority, self._limits)

    def _remember(self, digest: bytes, caller: Caller, until: float) -> None:
        self._known.pop(digest, None)
        if len(self._known) >= KNOWN_TOKENS:
            del self._known[next(iter(self._known))]
        self._known[digest] = (caller, until)


async def _get(client: httpx.AsyncClient, url: str) -> bytes:
    """Return the body of a 200. Raises httpx.HTTPError and ValueError."""
    content = b""
    async with client.stream("GET", url) as answer:
        if answer.status_code != httpx.codes.OK:
            raise ValueError(f"the answer was {answer.status_code}")
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > _LARGEST_ANSWER:
                raise ValueError("the answer is too large")
    return content


def _names(claim: object) -> frozenset[str]:
    """Return the names in a claim: a list, or a text with spaces between them as in `scope`."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    listed = claim if isinstance(claim, list) else []
    return frozenset(name for name in listed if isinstance(name, str))
