"""Who is asking: API keys, known only by their SHA-256.

The file holds one key a line, `<key id> <sha256 hex of the key>`; `#` starts a comment. Write it
beside and move it into place: it is read again when it changes, without a restart. A file that
cannot be read as a whole, or that is empty (somebody is just writing it), leaves the last good
keys in force; a file of comments only is whole and lets nobody in.
"""

import re
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

from inference_proxy.errors import InvalidKey
from inference_proxy.log import logger

_LINE = re.compile(r"(?P<id>[A-Za-z0-9._-]{1,64})[ \t]+(?P<digest>[0-9a-f]{64})")

OPEN = "-"  # the key id in the log when no keys are configured


class InvalidKeysFile(Exception):
    """Which line is wrong and what a line holds; the line itself is not repeated."""


class Keys:
    """The keys of one file, or nobody's if there is no file: then everyone may ask."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp = stamp(path) if path else None
        self._entries = parse(read(path)) if path else []

    def __repr__(self) -> str:
        return f"Keys({len(self._entries)} of {self._path})"

    def identify(self, authorization: bytes | None) -> str:
        """Return the id of the key presented as `Bearer <key>`. Raises InvalidKey."""
        if self._path is None:
            return OPEN
        self._follow(self._path)
        scheme, _, key = (authorization or b"").partition(b" ")
        if scheme.lower() != b"bearer" or not key.strip():
            raise InvalidKey("No API key given: send it as `Authorization: Bearer <key>`.")
        return self._lookup(sha256(key.strip()).digest())

    def _lookup(self, digest: bytes) -> str:
        # Every entry is compared, so that the time taken does not tell which one came close.
        known = [key_id for key_id, theirs in self._entries if compare_digest(theirs, digest)]
        if not known:
            raise InvalidKey("The API key is not known here.")
        return known[0]

    def _follow(self, path: Path) -> None:
        """Read the file again if it changed since the last look."""
        seen = stamp(path)
        if seen == self._stamp:
            return
        self._stamp = seen
        try:
            self._entries = parse(read(path))
        except InvalidKeysFile as error:
            logger.warning("kept the last good keys: %s", error)
        else:
            logger.info("read %d keys from %s", len(self._entries), path)


def stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes when the file does; None while there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return (facts.st_mtime_ns, facts.st_size, facts.st_ino)


def read(path: Path) -> str:
    try:
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidKeysFile(f"{path} cannot be read: {type(error).__name__}") from error
    if not text:
        raise InvalidKeysFile(f"{path} is empty")
    return text


def parse(text: str) -> list[tuple[str, bytes]]:
    """Return (key id, SHA-256 digest) for each line. Raises InvalidKeysFile."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        entry = _LINE.fullmatch(content)
        if entry is None:
            raise InvalidKeysFile(f"line {number} is not `<key id> <sha256 in 64 hex digits>`")
        entries.append((entry["id"], bytes.fromhex(entry["digest"])))
    return entries
