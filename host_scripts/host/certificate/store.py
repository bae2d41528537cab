"""Certificate and ACME account, kept for the next machine in two SecureStrings of SSM.

    <path>/certificate   {"origin": ACME directory, "pem": chain and key}
    <path>/account       {"origin": ACME directory, "files": {path below certbot's folder: text}}

Chain and key are one parameter: two could come from different orders. They carry the tags of
installation and deployment, by which teardown finds them. For a value above 4 KB
`Intelligent-Tiering` chooses an advanced parameter, which costs money and stays advanced.
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from host.certificate import pairs
from host.certificate.errors import Trouble, Unusable
from host.certificate.shelf import Held

Files = dict[str, str]

_PATH = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,8}/(meta|regr|private_key)\.json")


class Store:
    """path: TLS_PATH, /lamplighter/<deployment>/tls."""

    def __init__(self, ssm: Any, path: str, installation: str, deployment: str) -> None:
        self._ssm, self._path = ssm, path
        self._installation, self._deployment = installation, deployment

    def certificate(self) -> Held | None:
        """Return what is stored; None for nothing. Raise Trouble, Unusable for what is damaged."""
        found = self._found("certificate")
        if found is None:
            return None
        return Held("acme", found["origin"], pairs.parse(found.get("pem", "")))

    def account(self, directory: str) -> Files:
        """Return the account's files at this authority; none when there is none."""
        found = self._found("account")
        if found is None or found["origin"] != directory:
            return {}
        for path, text in found.get("files", {}).items():
            if not _PATH.fullmatch(path) or ".." in path or not isinstance(text, str):
                raise self._damaged("account")
        return dict(found.get("files", {}))

    def keep_certificate(self, held: Held) -> None:
        pem = held.pair.chain + held.pair.key
        self._put("certificate", {"origin": held.origin, "pem": pem})

    def keep_account(self, directory: str, files: Files) -> None:
        """Store the account if it is not stored already."""
        self._put("account", {"origin": directory, "files": files})

    def own(self, name: str) -> Held:
        """Return the operator's own certificate."""
        text = self._read(name)
        if text is None:
            raise Trouble(f"there is no SSM parameter {name}: write chain and key into it, as PEM")
        try:
            return Held("own", name, pairs.parse(text))
        except Unusable as error:
            raise Trouble(f"the SSM parameter {name} cannot be served: {error}") from error

    def _found(self, name: str) -> dict[str, Any] | None:
        text = self._read(f"{self._path}/{name}")
        if text is None:
            return None
        try:
            found = json.loads(text)
            pieces = [found["origin"], found.get("pem", ""), *found.get("files", {})]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._damaged(name) from None
        if not all(isinstance(piece, str) for piece in pieces):
            raise self._damaged(name)
        return dict(found)

    def _damaged(self, name: str) -> Unusable:
        return Unusable(f"the SSM parameter {self._path}/{name} is damaged")

    def _read(self, name: str) -> str | None:
        try:
            answer = self._ssm.get_parameter(Name=name, WithDecryption=True)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise _trouble(name, "read", error) from error
        except BotoCoreError as error:
            raise _trouble(name, "read", error) from error
        return str(answer["Parameter"]["Value"])

    def _put(self, name: str, value: Any) -> None:
        """Write the parameter; tags only with a new one, as SSM has it."""
        full, text = f"{self._path}/{name}", json.dumps(value)
        if self._read(full) == text:
            return
        given = {"Name": full, "Value": text, "Type": "SecureString", "Tier": "Intelligent-Tiering"}
        try:
            try:
                self._ssm.put_parameter(**given, Tags=self._tags())
            except ClientError as error:
                if error.response["Error"]["Code"] != "ParameterAlreadyExists":
                    raise
                self._ssm.put_parameter(**given, Overwrite=True)
        except (ClientError, BotoCoreError) as error:
            raise _trouble(full, "written", error) from error

    def _tags(self) -> list[dict[str, str]]:
        tags = {
            "lamplighter:installation": self._installation,
            "lamplighter:deployment": self._deployment,
            "lamplighter:role": "tls",
            "Name": f"{self._installation}-{self._deployment}-tls",
        }
        return [{"Key": key, "Value": value} for key, value in tags.items()]


def _trouble(name: str, verb: str, error: ClientError | BotoCoreError) -> Trouble:
    why = (
        error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    )
    return Trouble(f"the SSM parameter {name} cannot be {verb}: {why}")
