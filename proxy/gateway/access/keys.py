"""Authenticate callers by API keys, of which only salted hashes are known here.

A key is `sk-<id>-<secret>`: its id picks the entries that it is compared with. The entries marked
`foreign` hold keys of any other form; each costs one more hash for every key that is not known.
The hash is fast: a secret of ours has 256 random bits, which cannot be guessed. A foreign key is as
safe as it is long.

    {"keys": [{"id": "alice", "salt": "<hex>", "sha256": "<hex of sha256(salt + key)>",
               "expires": "2027-01-01T00:00:00Z", "requests_per_minute": 60}]}

Write the file beside and move it into place. It is taken whole or not at all: what is damaged,
empty or gone leaves the last good keys in force. An empty list is valid and refuses every key.
"""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

from gateway.access.jwt import Jwt
from gateway.access.keys_file import Entry, InvalidKeysFile, read, stamp
from gateway.core.caller import OPEN, Caller
from gateway.core.errors import InvalidKey
from gateway.core.log import logger
from gateway.settings.jwt_settings import JwtSettings

LONGEST_KEY = 512  # bytes; a longer text is no key and not worth a hash

_SCHEME = b"bearer "
_PREFIX = b"sk-"
_DUMMY = Entry(b"\0" * 16, b"\0" * 32, Caller(""))


class Keys:
    """The keys of one file and the tokens of one provider. Without either, no caller is refused."""

    def __init__(self, path: Path | None, jwt: Jwt | None = None) -> None:
        """Raises InvalidKeysFile."""
        self._path = path
        self._jwt = jwt
        self._jwt_changed = asyncio.Event()
        self._stamp = stamp(path) if path else None
        self._take(read(path) if path else [])

    def __repr__(self) -> str:
        return f"Keys({self._count} of {self._path})"

    @property
    def are_open(self) -> bool:
        """Whether everybody may do everything: no keys are configured."""
        return self._path is None and self._jwt is None

    def identify(self, authorization: bytes | None, other: bytes | None, now: float) -> Caller:
        """Return the caller who holds the key. Raises InvalidKey.

        `other`: see `header_of_others`; `now`: seconds since the epoch.
        Also raises BackendUnavailable while the keys of the tokens' provider are not yet here.
        """
        if self.are_open:
            return OPEN
        key = _presented(authorization, other)
        if self._jwt is not None and self._jwt.is_token(key):
            return self._jwt.identify_token(key, now)
        return self._lookup(key, now)

    def follow(self) -> None:
        """Read the file again if it changed since the last look."""
        if self._path is None or (seen := stamp(self._path)) == self._stamp:
            return
        self._stamp = seen
        try:
            self._take(read(self._path))
        except InvalidKeysFile as error:
            logger.warning("kept the last good keys: %s", error)
        else:
            logger.info("read %d keys from %s", self._count, self._path)

    def accept(self, provider: JwtSettings | None) -> None:
        """Take tokens of this provider from now on, or none; its keys are fetched by `run`.

        Without a keys file the last provider stays: without it everybody could do everything.
        """
        if provider == (self._jwt.settings if self._jwt is not None else None):
            return
        if self._path is None and provider is None:
            logger.warning("only a restart takes jwt away where there is no keys_file")
            return
        self._jwt = None if provider is None else Jwt(provider)
        self._jwt_changed.set()

    async def run(self) -> None:
        """Keep the keys of the tokens' provider up to date, for ever."""
        while True:
            self._jwt_changed.clear()
            following = None if self._jwt is None else asyncio.ensure_future(self._jwt.run())
            try:
                await self._jwt_changed.wait()
            finally:
                if following is not None:
                    following.cancel()

    def _take(self, entries: list[Entry]) -> None:
        named: dict[bytes, list[Entry]] = {}
        for entry in entries:
            named.setdefault(entry.caller.id.encode(), []).append(entry)
        self._named = named
        self._foreign = [entry for entry in entries if entry.foreign]
        self._count = len(entries)
        self._most = max(map(len, named.values()), default=1)

    def _lookup(self, key: bytes, now: float) -> Caller:
        if len(key) > LONGEST_KEY:
            raise _unknown()
        key_id, _, _ = key.removeprefix(_PREFIX).rpartition(b"-")
        own = self._named.get(key_id, []) if key.startswith(_PREFIX) else []
        untimely = None
        for entry in own:
            if _fits(entry, key):
                if entry.begins <= now < entry.ends:
                    return entry.caller
                untimely = entry
        # The time taken must not reveal whether an id exists, or how many keys it has.
        for _ in range(self._most - len(own)):
            _fits(_DUMMY, key)
        for entry in self._foreign:
            if _fits(entry, key):
                if entry.begins <= now < entry.ends:
                    return entry.caller
                untimely = entry
        raise _unknown() if untimely is None else InvalidKey(untimely.why_invalid(now))


def header_of_others(headers: Mapping[bytes, bytes]) -> bytes | None:
    """Return the key as Anthropic's clients send it, else as Azure's do."""
    return headers.get(b"x-api-key") or headers.get(b"api-key")


def _presented(authorization: bytes | None, other: bytes | None) -> bytes:
    """Return the key as OpenAI's clients send it, else as others do."""
    key = b""
    if authorization and authorization[:7].lower() == _SCHEME:
        key = authorization[7:].strip()
    key = key or (other or b"").strip()
    if not key:
        raise InvalidKey("No API key given: send it as `Authorization: Bearer <key>`.")
    return key


def _fits(entry: Entry, key: bytes) -> bool:
    return compare_digest(sha256(entry.salt + key).digest(), entry.digest)


def _unknown() -> InvalidKey:
    return InvalidKey("The API key is not known here.")
