"""Verify signed tokens with PyJWT. Only imported where tokens are accepted: it takes 0.1 s."""

from collections.abc import Mapping
from typing import Any

import jwt
import msgspec
from jwt import PyJWK

from gateway.core.errors import InvalidKey
from gateway.settings.jwt_settings import JwtSettings

ProviderKeys = Mapping[tuple[str | None, str], PyJWK]  # by key id and algorithm

# The reasons that a holder of a well-signed token may see.
_REASONS: list[tuple[type[Exception], str]] = [
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token is for another audience."),
    (jwt.InvalidIssuerError, "The token is of another issuer."),
    (jwt.MissingRequiredClaimError, "The token lacks a claim that is needed here."),
]


class UnknownSigner(InvalidKey):
    """The provider may have changed its keys since we looked."""


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def parse(content: bytes, settings: JwtSettings) -> ProviderKeys:
    """Return the keys of a JSON Web Key Set that can verify. Raises ValueError if there is none."""
    found: dict[tuple[str | None, str], PyJWK] = {}
    for key in msgspec.json.decode(content, type=_KeySet).keys:
        if key.get("use", "sig") != "sig" or "d" in key:
            continue  # for something else, or a private one, which is private no more
        for algorithm in settings.algorithms:
            if key.get("alg", algorithm) == algorithm and (made := _made(key, algorithm)):
                found[made.key_id, algorithm] = made
    if not found:
        raise ValueError("no key for any of the algorithms")
    return found


def verify(token: bytes, keys: ProviderKeys, settings: JwtSettings) -> dict[str, Any]:
    """Return the claims of a token that is good now. Raises InvalidKey."""
    try:
        key = _signer(jwt.get_unverified_header(token), keys)
        return jwt.decode(
            token,
            key,
            algorithms=list(settings.algorithms),
            audience=settings.audience,
            issuer=settings.issuer,
            leeway=settings.leeway_seconds,
            options={
                "require": ["exp", "iss", "aud", settings.id_claim],
                "enforce_minimum_key_length": True,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        reasons = (reason for kind, reason in _REASONS if isinstance(error, kind))
        raise InvalidKey(next(reasons, "The token is not valid here.")) from error


def _signer(header: Mapping[str, Any], keys: ProviderKeys) -> PyJWK:
    kid, algorithm = header.get("kid"), header.get("alg")
    if kid is None:
        fitting = [key for (_, used_for), key in keys.items() if used_for == algorithm]
        key = fitting[0] if len(fitting) == 1 else None
    else:
        key = keys.get((kid, str(algorithm)))
    if key is None:
        raise UnknownSigner("The token is signed with a key that is not known here.")
    return key


def _made(key: dict[str, Any], algorithm: str) -> PyJWK | None:
    """Return the key for use with one algorithm, None if it is of another kind."""
    try:
        return PyJWK(key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
