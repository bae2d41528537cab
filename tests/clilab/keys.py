"""The keys of the deployment `prod` in moto's SSM, and the real gateway's opinion of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from gateway.access.keys import Keys
from lamplighter.keys import entries

from clilab.workflows import REGION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from gateway.core.caller import Caller
    from lamplighter.keys.entries import Entry
    from mypy_boto3_ssm import SSMClient

PATH = "/lamplighter/prod/keys"
SECRET = "/lamplighter/prod/api-key"


@cache
def _ssm() -> SSMClient:
    """One client for all tests: moto answers it anew in each."""
    return boto3.client(
        "ssm", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


class Stored:
    """folder: where the gateway's keys file is written for `ask`. installation: whose keys."""

    def __init__(self, folder: Path, installation: str = "lamplighter") -> None:
        self.installation = installation
        self.ssm = _ssm()
        self.file = folder / "keys"

    def provision(self) -> None:
        """Make what EnsureKeys makes."""
        first = entries.grant("default", entries.Limits(), None)
        self.put("default", json.dumps([first.entry]))
        self._put(SECRET, first.key, "SecureString", "prod")

    def put(self, key_id: str, value: str, owner: str = "prod") -> None:
        self._put(f"{PATH}/{key_id}", value, "String", owner)

    def _put(self, name: str, value: str, kind: Any, owner: str) -> None:
        tags: Any = [
            {"Key": "lamplighter:installation", "Value": self.installation},
            {"Key": "lamplighter:deployment", "Value": owner},
        ]
        self.ssm.put_parameter(Name=name, Value=value, Type=kind, Tags=tags)

    def give_to(self, installation: str) -> None:
        """Let every parameter belong to another installation."""
        owner: Any = [{"Key": "lamplighter:installation", "Value": installation}]
        for name in (SECRET, *(f"{PATH}/{key_id}" for key_id in self.ids())):
            self.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=owner)

    def change(self, key_id: str, how: Callable[[list[Entry]], list[Entry]]) -> None:
        """Write other entries behind the CLI's back."""
        value = json.dumps(how(self.entries(key_id)))
        self.ssm.put_parameter(Name=f"{PATH}/{key_id}", Value=value, Type="String", Overwrite=True)

    def meanwhile(self, key_id: str) -> Callable[..., Any]:
        """Return a grant during which somebody else writes the key."""
        grant = entries.grant

        def overtaken(*arguments: Any) -> Any:
            self.change(key_id, lambda found: found)
            return grant(*arguments)

        return overtaken

    def entries(self, key_id: str) -> list[Entry]:
        found = self.ssm.get_parameter(Name=f"{PATH}/{key_id}")["Parameter"]["Value"]
        return entries.parse(found)

    def secret(self) -> str:
        return self.ssm.get_parameter(Name=SECRET, WithDecryption=True)["Parameter"]["Value"]

    def ids(self) -> list[str]:
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path=PATH)
        names = [each["Name"] for page in pages for each in page["Parameters"]]
        return sorted(name.rpartition("/")[2] for name in names)

    def tags(self, key_id: str) -> dict[str, str]:
        found = self.ssm.list_tags_for_resource(
            ResourceType="Parameter", ResourceId=f"{PATH}/{key_id}"
        )
        return {tag["Key"]: tag["Value"] for tag in found["TagList"]}

    def everything(self) -> str:
        """Every value, but the first key itself."""
        return json.dumps([[key_id, self._value(key_id)] for key_id in self.ids()])

    def _value(self, key_id: str) -> str:
        return self.ssm.get_parameter(Name=f"{PATH}/{key_id}")["Parameter"]["Value"]

    def ask(self, key: str, at: datetime | None = None) -> Caller:
        """Show the key to the gateway, which knows what the host would have brought."""
        known = [one for key_id in self.ids() for one in self.entries(key_id)]
        self.file.write_text(json.dumps({"keys": known}))
        now = (at or datetime.now(UTC)).timestamp()
        return Keys(self.file, None).identify(f"Bearer {key}".encode(), None, now)

    def deny(self, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
        self._intercept(monkeypatch, lambda name, _: name == operation, "AccessDeniedException")

    def fail_put(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """Let the n-th PutParameter from now on fail."""
        puts: list[str] = []

        def strikes(name: str, _: Any) -> bool:
            puts.extend([name] if name == "PutParameter" else [])
            return name == "PutParameter" and len(puts) == number

        self._intercept(monkeypatch, strikes, "InternalServerError")

    @staticmethod
    def _intercept(
        monkeypatch: pytest.MonkeyPatch, strikes: Callable[[str, Any], bool], code: str
    ) -> None:
        original = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            if strikes(operation, parameters):
                raise ClientError({"Error": {"Code": code, "Message": "planted"}}, operation)
            return original(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
