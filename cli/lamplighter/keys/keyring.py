"""A deployment's API keys in SSM: one parameter per key id, which its hosts follow.

These are the only resources that the CLI makes by itself. They carry the tags of installation and
deployment, so that its teardown deletes and counts them; what lacks the tags, or carries another
installation's, is not touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lamplighter.aws import ledger, refusals
from lamplighter.aws.account import Account
from lamplighter.errors import BadSpec, Conflict, Unavailable, UnknownKey
from lamplighter.keys.entries import Damaged, Entry, parse

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

FIRST = "default"
INSTALLATION = "lamplighter:installation"
OWNER = "lamplighter:deployment"
MAX_BYTES = 4096  # of a parameter in SSM's standard tier


@dataclass(frozen=True, slots=True)
class Key:
    """entries: oldest first, the last is the newest; empty for a damaged parameter."""

    key_id: str
    entries: list[Entry]
    version: int
    changed: datetime


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one deployment of an installation (a stack's name).

    tags: the operator's own. place: see Account.place.
    """

    ssm: SSMClient
    installation: str
    deployment: str
    tags: dict[str, str]
    place: str

    @classmethod
    def open(cls, account: Account, deployment: str) -> Keyring:
        tags = ledger.tags(account.ledger(), deployment)
        name = account.installation.name
        return cls(account.parameters(), name, deployment, tags, account.place)

    @property
    def path(self) -> str:
        return f"/lamplighter/{self.deployment}/keys"

    @property
    def secret(self) -> str:
        """The parameter of the first key itself."""
        return f"/lamplighter/{self.deployment}/api-key"

    def listed(self) -> list[Key]:
        """Return all, by id."""
        with self._allowed("list", "ssm:GetParametersByPath", self.path):
            pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path=self.path)
            found = [_key(each) for page in pages for each in page["Parameters"]]
        return sorted(found, key=lambda key: key.key_id)

    def key(self, key_id: str) -> Key:
        """Return the key; raise UnknownKey, or Conflict for one that is damaged."""
        with self._allowed("read", "ssm:GetParameter", f"{self.path}/*"):
            try:
                found = self.ssm.get_parameter(Name=f"{self.path}/{key_id}")["Parameter"]
            except self.ssm.exceptions.ParameterNotFound:
                known = [key.key_id for key in self.listed()]
                raise UnknownKey.named(key_id, self.deployment, known) from None
        key = _key(found)
        if not key.entries:
            raise Conflict(
                f"the SSM parameter {self.path}/{key_id} is damaged: delete it, then create the "
                "key again (hosts keep its last good entries until then)"
            )
        return key

    def add(self, key_id: str, entries: list[Entry]) -> None:
        """Make the key; raise Conflict when there is one of this id."""
        value = self._value(key_id, entries)
        self.prove_ours(self.secret)
        name = {"Name": f"{self.installation}-{self.deployment}-key"}
        ours = {INSTALLATION: self.installation, OWNER: self.deployment, "lamplighter:role": "key"}
        tags = name | self.tags | ours
        with self._allowed("make", "ssm:PutParameter and ssm:AddTagsToResource", f"{self.path}/*"):
            try:
                self.ssm.put_parameter(
                    Name=f"{self.path}/{key_id}",
                    Description=f"API key {key_id} of the Lamplighter deployment {self.deployment}",
                    Type="String",
                    Value=value,
                    Tags=[{"Key": name, "Value": text} for name, text in tags.items()],
                )
            except self.ssm.exceptions.ParameterAlreadyExists:
                raise Conflict(
                    f"{self.deployment} has a key {key_id!r} already: choose another --name, or "
                    f"`lamplighter keys rotate {self.deployment} --name {key_id}`"
                ) from None

    def replace(self, key: Key, entries: list[Entry]) -> Key:
        """Write the entries; raise Conflict after another write in between."""
        name = f"{self.path}/{key.key_id}"
        version = self._overwrite(name, "String", self._value(key.key_id, entries))
        if version != key.version + 1:
            raise Conflict(
                f"the key {key.key_id!r} of {self.deployment} was changed by another command at "
                "the same time: rotate it again"
            )
        return Key(key.key_id, entries, version, key.changed)

    def publish(self, secret: str) -> None:
        """Let the deployment's own clients (agent, prober, `lamplighter key`) use this key."""
        self._overwrite(self.secret, "SecureString", secret)

    def remove(self, key_id: str) -> None:
        name = f"{self.path}/{key_id}"
        self.prove_ours(name)
        with self._allowed("delete", "ssm:DeleteParameter", f"{self.path}/*"):
            try:
                self.ssm.delete_parameter(Name=name)
            except self.ssm.exceptions.ParameterNotFound:
                return  # revoked by another command meanwhile

    def _overwrite(self, name: str, kind: Any, value: str) -> int:
        self.prove_ours(name)
        with self._allowed("write", "ssm:PutParameter", name):
            return self.ssm.put_parameter(Name=name, Type=kind, Value=value, Overwrite=True)[
                "Version"
            ]

    def _value(self, key_id: str, entries: list[Entry]) -> str:
        """Return the parameter's value; raise BadSpec when SSM would not take it."""
        value = json.dumps(entries)
        if len(value.encode()) > MAX_BYTES:
            raise BadSpec(
                f"the {len(entries)} entries of {key_id!r} need {len(value.encode())} bytes, an "
                f"SSM parameter holds {MAX_BYTES}: name fewer --models, or end old ones with "
                f"`lamplighter keys rotate {self.deployment} --name {key_id} --overlap 0s`"
            )
        return value

    def prove_ours(self, name: str) -> None:
        """Raise Conflict unless the parameter is there and carries our tags.

        One that an earlier version made carries the deployment's only.
        """
        with self._allowed("read the tags of", "ssm:ListTagsForResource", name):
            try:
                tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
            except self.ssm.exceptions.InvalidResourceId:
                raise Conflict(
                    f"the SSM parameter {name} is not there: run `lamplighter up` again"
                ) from None
        found = {tag["Key"]: tag["Value"] for tag in tags["TagList"]}
        if found.get(OWNER) != self.deployment:
            raise Conflict(f"the SSM parameter {name} is not ours (no tag {OWNER}): remove it")
        if (installation := found.get(INSTALLATION, self.installation)) != self.installation:
            raise Conflict(
                f"the SSM parameter {name} is not ours: it belongs to the installation "
                f"{installation!r}; name that with --stack {installation}, or another deployment"
            )

    @contextmanager
    def _allowed(self, what: str, permission: str, where: str) -> Iterator[None]:
        """Turn a denial into Unavailable that names the missing permission."""
        try:
            yield
        except ClientError as error:
            if refusals.code(error) not in refusals.NOT_ALLOWED:
                raise
            raise Unavailable(
                f"AWS does not let these credentials {what} keys of {self.deployment}: they need "
                f"{permission} on parameter{where}",
                name=refusals.code(error),
            ) from error


def _key(found: Any) -> Key:
    key_id = found["Name"].rpartition("/")[2]
    try:
        entries = parse(found["Value"])
    except Damaged:
        entries = []
    return Key(key_id, entries, found["Version"], found["LastModifiedDate"])
