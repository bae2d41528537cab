"""Tokens of an OpenID provider: whose are accepted, and what happens when it is away."""

import asyncio
import base64
import json
import logging
import random
import time
import warnings
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from gateway.access import jwt as jwt_module
from gateway.access import keys as keys_module
from gateway.access.jwt import Jwt
from gateway.access.keys import Keys
from gateway.core.caller import Caller, Limits
from gateway.core.errors import BackendUnavailable, InvalidKey
from gateway.settings.document import InvalidSetting
from gateway.settings.jwt_settings import JwtSettings
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://id.example.com/realm"
KEYS_URL = "https://id.example.com/keys"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str | None = None, **more: Any) -> dict[str, Any]:
    made = {
        rsa.RSAPublicKey: RSAAlgorithm,
        ec.EllipticCurvePublicKey: ECAlgorithm,
        ed25519.Ed25519PublicKey: OKPAlgorithm,
    }
    public = key.public_key()
    algorithm = next(one for kind, one in made.items() if isinstance(public, kind))
    named = {} if kid is None else {"kid": kid}
    return {**algorithm.to_jwk(public, as_dict=True), **named, **more}


@dataclass
class Provider:
    """Answers as an OpenID provider does, and counts how often it was asked."""

    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed")]
    )
    issuer: str = ISSUER
    jwks_uri: str = KEYS_URL
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if request.url.path.endswith("openid-configuration"):
            said: dict[str, Any] = {"issuer": self.issuer, "jwks_uri": self.jwks_uri}
        else:
            said = {"keys": self.keys}
        return httpx.Response(self.status, json=said)


@pytest.fixture
def provider() -> Provider:
    return Provider()


def settings(**more: Any) -> JwtSettings:
    algorithms = ("RS256", "ES256", "EdDSA")
    return JwtSettings(**{"issuer": ISSUER, "audience": "llm", "algorithms": algorithms} | more)


async def fetched(provider: Provider, **more: Any) -> Jwt:
    tokens = Jwt(settings(**more))
    await fetch(tokens, provider)
    return tokens


async def fetch(tokens: Jwt, provider: Provider) -> bool:
    async with httpx.AsyncClient(transport=httpx.MockTransport(provider)) as client:
        return await tokens.fetch(client)


def token(
    *, key: Any = RSA_KEY, kid: str | None = "rsa", alg: str = "RS256", **claims: Any
) -> bytes:
    now = time.time()
    said = {"iss": ISSUER, "aud": "llm", "sub": "u-1", "iat": now, "exp": now + 600} | claims
    said = {name: value for name, value in said.items() if value is not None}
    headers = {} if kid is None else {"kid": kid}
    return pyjwt.encode(said, key, algorithm=alg, headers=headers).encode()


def identify(tokens: Jwt, said: bytes) -> Caller:
    return tokens.identify_token(said, time.time())


def refusal(tokens: Jwt, said: bytes) -> str:
    with pytest.raises(InvalidKey) as caught:
        identify(tokens, said)
    return str(caught.value)


async def test_a_token_says_who_asks(provider: Provider) -> None:
    tokens = await fetched(provider)

    assert identify(tokens, token()) == Caller("jwt:u-1")
    assert provider.asked == [f"{ISSUER}/.well-known/openid-configuration", KEYS_URL]


@pytest.mark.parametrize(
    ("key", "kid", "alg"),
    [(RSA_KEY, "rsa", "RS256"), (EC_KEY, "ec", "ES256"), (ED_KEY, "ed", "EdDSA")],
)
async def test_each_kind_of_signature_is_verified(provider, key, kid, alg) -> None:
    tokens = await fetched(provider, jwks_url=KEYS_URL)

    assert identify(tokens, token(key=key, kid=kid, alg=alg)).id == "jwt:u-1"
    assert provider.asked == [KEYS_URL]


async def test_claims_say_what_the_caller_may(provider: Provider) -> None:
    names = {"id_claim": "email", "models_claim": "models", "priority_claim": "class"}
    limits = {"requests_per_minute": 5, "tokens_per_day": 7}
    tokens = await fetched(provider, **names, **limits, priority="batch")
    said = token(email="a@b.c", models=["tiny", "large", 1], **{"class": "interactive"})

    assert identify(tokens, said) == Caller(
        "jwt:a@b.c", frozenset({"tiny", "large"}), 0, Limits(5, None, None, 7)
    )
    plain = identify(tokens, token(email="a@b.c", **{"class": "first!"}))
    assert (plain.models, plain.priority) == (frozenset(), 2)
    assert identify(tokens, token(email="d", models="tiny large")).models == {"tiny", "large"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exp": 1}, "has expired"),
        ({"exp": None}, "lacks a claim"),
        ({"nbf": 2**40}, "not valid yet"),
        ({"iat": 2**40}, "not valid yet"),
        ({"aud": "other"}, "another audience"),
        ({"aud": None}, "lacks a claim"),
        ({"aud": []}, "lacks a claim"),
        ({"iss": "https://evil.example.com"}, "another issuer"),
        ({"iss": None}, "lacks a claim"),
        ({"sub": None}, "lacks a claim"),
        ({"key": OTHER_KEY}, "not valid here"),
        ({"kid": "unknown"}, "not known here"),
        ({"kid": None}, None),
        ({"alg": "RS512"}, "not known here"),
        ({"alg": "PS256"}, "not known here"),
        ({"key": "x" * 64, "alg": "HS256"}, "not known here"),
        ({"key": None, "alg": "none"}, "not known here"),
    ],
)
async def test_a_token_must_be_good_in_every_way(provider, change, said) -> None:
    tokens = await fetched(provider)

    if said is None:
        assert identify(tokens, token(**change)).id == "jwt:u-1"
    else:
        assert said in refusal(tokens, token(**change))


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "é", "a\nb"])
async def test_a_bearer_whose_name_no_log_can_hold_is_refused(provider, name) -> None:
    assert "names its bearer" in refusal(await fetched(provider), token(sub=name))


async def test_the_public_key_is_no_shared_secret(provider: Provider) -> None:
    tokens = await fetched(provider)
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (
            {"alg": "HS256", "kid": "rsa"},
            {"iss": ISSUER, "aud": "llm", "sub": "u-1", "exp": time.time() + 60},
        )
    )

    assert "not known here" in refusal(tokens, b".".join([head, body, b"c2ln"]))


@pytest.mark.parametrize("seed", range(3))
async def test_no_changed_byte_passes_and_none_breaks_anything(provider, seed) -> None:
    pick = random.Random(seed)  # noqa: S311 -- repeatable
    tokens = await fetched(provider)
    good = token()
    letters = good[: good.rfind(b".")]
    for _ in range(300):
        place = pick.randrange(len(letters))
        bad = bytearray(good)
        bad[place] = pick.choice([each for each in b"AZaz09-_.{\xff" if each != good[place]])
        refusal(tokens, bytes(bad))


async def test_a_token_of_any_size_and_depth_is_only_refused(provider: Provider) -> None:
    tokens = await fetched(provider)
    deep = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 5000)

    assert "too long" in refusal(tokens, b"eyJ." + b"x" * 8200 + b".x")
    assert "not valid here" in refusal(tokens, b"eyJ.." + b"W" * 6000)
    assert "not valid here" in refusal(tokens, deep + b".e30.x")


async def test_a_key_serves_the_algorithm_that_it_is_for(provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "rsa", alg="PS256"), jwk(EC_KEY, "ec", alg="ES256")]
    tokens = await fetched(provider, algorithms=("RS256", "PS256", "ES256"))

    assert identify(tokens, token(alg="PS256")).id == "jwt:u-1"
    assert "not known here" in refusal(tokens, token())


async def test_a_key_that_is_too_short_vouches_for_nobody(provider: Provider) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    provider.keys = [jwk(short, "short")]
    tokens = await fetched(provider)
    with warnings.catch_warnings(action="ignore"):
        said = token(key=short, kid="short")

    assert "not valid here" in refusal(tokens, said)


async def test_a_verified_token_is_not_verified_again(provider, monkeypatch) -> None:
    tokens = await fetched(provider)
    said = token(exp=time.time() + 600)
    first = identify(tokens, said)
    monkeypatch.setattr(pyjwt, "decode", None)

    assert identify(tokens, said) is first


async def test_a_remembered_token_expires_all_the_same(provider: Provider) -> None:
    tokens = await fetched(provider, leeway_seconds=0)
    said = token(exp=time.time() + 1)
    identify(tokens, said)

    await asyncio.sleep(1.1)

    assert "has expired" in refusal(tokens, said)


async def test_only_so_many_tokens_are_remembered(provider, monkeypatch) -> None:
    monkeypatch.setattr(jwt_module, "KNOWN_TOKENS", 3)
    tokens = await fetched(provider)

    for number in range(10):
        identify(tokens, token(sub=f"u-{number}"))

    assert [caller.id for caller, _ in tokens._known.values()] == ["jwt:u-7", "jwt:u-8", "jwt:u-9"]


async def test_a_withdrawn_key_vouches_for_nobody(provider: Provider) -> None:
    tokens = await fetched(provider)
    said = token()
    identify(tokens, said)

    provider.keys = [jwk(OTHER_KEY, "new")]
    await fetch(tokens, provider)

    assert "not known here" in refusal(tokens, said)
    assert identify(tokens, token(key=OTHER_KEY, kid="new")).id == "jwt:u-1"


@pytest.mark.parametrize(
    "change",
    [
        {"status": 500},
        {"status": 302},
        {"keys": []},
        {"keys": ["x"]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}]},
        {"keys": [jwk(RSA_KEY, "rsa", use="enc")]},
        {"keys": [RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True)]},
        {"keys": [{"kty": "RSA", "kid": "rsa", "n": "!", "e": "AQAB"}]},
        {"keys": [jwk(RSA_KEY, "rsa", padding="x" * 1024 * 1024)]},
        {"issuer": "https://evil.example.com"},
        {"jwks_uri": "http://id.example.com/keys"},
    ],
)
async def test_a_provider_that_answers_wrongly_changes_nothing(provider, caplog, change) -> None:
    tokens = await fetched(provider)
    for name, value in change.items():
        setattr(provider, name, value)

    is_fetched = await fetch(tokens, provider)

    assert not is_fetched
    assert identify(tokens, token()).id == "jwt:u-1"
    assert [r.levelno for r in caplog.records if r.name == "inference_proxy"][-1] == logging.WARNING


async def test_before_the_keys_are_here_the_gateway_is_not_ready_for_tokens() -> None:
    with pytest.raises(BackendUnavailable):
        identify(Jwt(settings()), token())


async def test_a_key_that_is_not_known_is_looked_for(provider, monkeypatch) -> None:
    monkeypatch.setattr(jwt_module, "RETRY_SECONDS", 0.01)
    tokens = Jwt(settings(), httpx.MockTransport(provider))
    running = asyncio.ensure_future(tokens.run())
    await asyncio.sleep(0.1)
    assert len(provider.asked) == 2

    provider.keys = [jwk(OTHER_KEY, "new")]
    refusal(tokens, token(key=OTHER_KEY, kid="new"))
    await asyncio.sleep(0.1)

    assert identify(tokens, token(key=OTHER_KEY, kid="new")).id == "jwt:u-1"
    assert len(provider.asked) == 4
    running.cancel()


async def test_a_provider_that_is_away_is_asked_again(provider, monkeypatch) -> None:
    monkeypatch.setattr(jwt_module, "RETRY_SECONDS", 0.01)
    provider.status = 503
    tokens = Jwt(settings(), httpx.MockTransport(provider))
    running = asyncio.ensure_future(tokens.run())
    await asyncio.sleep(0.1)

    provider.status = 200
    await asyncio.sleep(0.1)

    assert identify(tokens, token()).id == "jwt:u-1"
    running.cancel()


async def test_tokens_and_keys_are_told_apart(provider: Provider) -> None:
    keys = Keys(None, await fetched(provider))

    assert keys.identify(b"Bearer " + token(), None, time.time()).id == "jwt:u-1"
    for key in (b"sk-alice-x", b"eyJ", b"a.b.c"):
        with pytest.raises(InvalidKey, match="not known here"):
            keys.identify(b"Bearer " + key, None, time.time())


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://id.example.com"},
        {"issuer": "id.example.com"},
        {"jwks_url": "file:///etc/passwd"},
        {"jwks_url": "http://169.254.169.254/"},
        {"jwks_url": "https://["},
    ],
)
def test_keys_come_from_a_safe_place_only(change: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting, match="takes an https URL"):
        settings(**change)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/keys", "http://[::1]/keys", KEYS_URL])
def test_loopback_is_a_safe_place(url: str) -> None:
    assert settings(jwks_url=url).jwks_url == url


class Followed(Jwt):
    """Counts whose keys are followed; the network is left alone."""

    running: ClassVar[list[str]] = []

    async def run(self) -> None:
        self.running.append(self.settings.audience)
        try:
            await asyncio.Event().wait()
        finally:
            self.running.remove(self.settings.audience)


async def test_another_provider_takes_the_place_of_the_last_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(keys_module, "Jwt", Followed)
    file = tmp_path / "keys"
    file.write_text('{"keys": []}')
    keys = Keys(file)
    following = asyncio.create_task(keys.run())

    for provider, expected in (
        (settings(), ["llm"]),
        (settings(), ["llm"]),
        (settings(audience="other"), ["other"]),
        (None, []),
    ):
        keys.accept(provider)
        for _ in range(3):
            await asyncio.sleep(0)
        assert Followed.running == expected
    following.cancel()


async def test_what_would_open_the_gateway_to_everybody_is_left_to_a_restart(provider) -> None:
    keys = Keys(None, await fetched(provider))

    keys.accept(None)

    assert not keys.are_open
