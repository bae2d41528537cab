"""Keep the gateway's settings as the deployment's bucket has them, and the keys of its fallbacks.

No error stops a gateway that works. What cannot be read, or is damaged, leaves the last good
settings in force; a fallback without its key is left out, and comes back with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from host.gateway.document import Damaged, Document, View, parse
from host.machine.files import write

log = logging.getLogger("lamplighter.agent")

_MOST = 1024 * 1024  # bytes
_UNCHANGED = "304"
_KEPT = "the gateway's settings stay as they were"
_KEYLESS = "a fallback of the gateway has no key"


class SettingsFile:
    """wanted: `ACCOUNT/BUCKET/KEY` of the document; file: what the gateway reads, in its folder.

    problems: what was wrong at the last look, in sentences.
    """

    def __init__(self, s3: Any, ssm: Any, wanted: str, file: Path, view: View) -> None:
        self._s3, self._ssm = s3, ssm
        owner, bucket, key = wanted.split("/", 2)
        self._object = {"ExpectedBucketOwner": owner, "Bucket": bucket, "Key": key}
        self._file, self._view = file, view
        self._document: Document | None = None
        self._tag = ""
        self.problems: tuple[str, ...] = ()

    def follow(self, seconds: float, sleep: Callable[[float], None]) -> NoReturn:
        """Sync every so many seconds, for ever."""
        while True:
            self.sync()
            sleep(seconds)

    def sync(self) -> bool:
        """Bring the files up to date; return whether the gateway has settings."""
        problems: list[str] = []
        try:
            self._fetch()
        except Damaged as error:
            problems.append(f"{_KEPT}: their document is damaged: {error}")
        except (ClientError, BotoCoreError) as error:
            problems.append(f"{_KEPT}: not readable: {_code(error)}")
        if self._document is not None:
            try:
                self._apply(self._document, problems)
            except OSError as error:
                problems.append(f"the gateway's settings were not written: {type(error).__name__}")
        self._say(problems)
        return self._file.exists()

    def _fetch(self) -> None:
        """Get the document if it has changed. Raises Damaged, ClientError, BotoCoreError."""
        known = {"IfNoneMatch": self._tag} if self._tag else {}
        try:
            found = self._s3.get_object(**self._object, **known)
            content: bytes = found["Body"].read(_MOST + 1)
        except ClientError as error:
            if _code(error) == _UNCHANGED:
                return
            raise
        if len(content) > _MOST:
            raise Damaged(f"it is larger than {_MOST} bytes")
        self._document, self._tag = parse(content), found["ETag"]

    def _apply(self, document: Document, problems: list[str]) -> None:
        """The keys first: the gateway takes no settings that name a missing file."""
        folder = self._file.parent
        held = {
            file
            for file, name in document.keys.items()
            if self._hold(folder / file, name, problems)
        }
        text = document.text(self._view, held)
        if _text(self._file) != text:
            write(self._file, text)
            log.info("gateway settings written object=%s", self._object["Key"])
        for file in folder.glob("fallback-*"):
            if file.name not in held:
                file.unlink()

    def _hold(self, file: Path, name: str, problems: list[str]) -> bool:
        """Return whether the key is in its file; one that cannot be read now stays as it was."""
        try:
            key = str(self._ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except (ClientError, BotoCoreError) as error:
            problems.append(f"{_KEYLESS}: {name} is not readable: {_code(error)}")
            return _code(error) != "ParameterNotFound" and file.exists()
        key = key.strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            problems.append(f"{_KEYLESS}: {name} holds no single word")
            return False
        if _text(file) != key + "\n":
            write(file, key + "\n")
        return True

    def _say(self, problems: list[str]) -> None:
        """Log each problem once, when it begins."""
        for problem in problems:
            if problem not in self.problems:
                log.warning(problem)
        self.problems = tuple(problems)


def _code(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__


def _text(file: Path) -> str | None:
    try:
        return file.read_text("ascii")
    except FileNotFoundError:
        return None
