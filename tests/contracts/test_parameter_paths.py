"""Every program calls a deployment's parameters by the same names, and the host may use them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from contracts.documents import document
from host.certificate.store import Store
from host.keys.keys_file import Keys
from host.machine.settings import parse
from host_scripts.sandbox import SCRIPTS
from lamplighter.aws import webhook
from lamplighter.keys.keyring import Keyring
from orchestrator.aws import naming
from orchestrator.launch import host_policy, rendering
from orchestrator.settings import Settings
from orchestrator.spec.parsing import parse as parsed

GOLDEN = document("parameter_paths")


class Ssm:
    """Has nothing, and notes what it is asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.exceptions = self

    def get_parameters_by_path(self, *, Path: str) -> dict[str, Any]:  # noqa: N803
        self.names.append(Path)
        return {"Parameters": []}

    def get_parameter(self, *, Name: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.names.append(Name)
        return {"Parameter": {"Value": "{}"}}

    def put_parameter(self, *, Name: str, **_: Any) -> None:  # noqa: N803
        self.names.append(Name)


def settings_of_the_host() -> dict[str, str]:
    """Return deployment.env as the orchestrator renders it."""
    deployment = parsed({"name": "demo", "model": "m"})
    files = rendering.render(SCRIPTS, deployment, settings(), "image").files
    return parse(files["deployment.env"].decode())


def settings() -> Settings:
    return Settings(
        installation="lamplighter", partition="aws", region="us-east-1", account="123456789012",
        ledger_table="t", event_bus="lamplighter", image_project="i",
        host_boundary="arn:aws:iam::123456789012:policy/hosts", earlier_profile="p",
        repair_machine="m", payload=SCRIPTS, image_owners=(), settle_seconds=60,
        step_seconds=60, host_silence_seconds=600,
    )  # fmt: skip


def test_the_orchestrator_names_them() -> None:
    assert naming.api_key_parameter("demo") == GOLDEN["api_key"]
    assert naming.keys_path("demo") == GOLDEN["keys"]
    assert naming.tls_path("demo") == GOLDEN["tls"]
    assert naming.webhook_parameter("lamplighter") == GOLDEN["webhook"]


def test_the_cli_names_them_alike() -> None:
    keyring = Keyring(None, "lamplighter", "demo", {}, "here")  # type: ignore[arg-type]

    assert (keyring.path, keyring.secret) == (GOLDEN["keys"], GOLDEN["api_key"])
    assert webhook.parameter("lamplighter") == GOLDEN["webhook"]


def test_the_host_gets_their_names_as_settings() -> None:
    values = settings_of_the_host()

    names = (values["API_KEY_PARAMETER"], values["KEYS_PATH"], values["TLS_PATH"])
    assert names == (GOLDEN["api_key"], GOLDEN["keys"], GOLDEN["tls"])


def test_the_agent_asks_for_all_keys_and_for_a_missing_one_by_its_name(tmp_path: Any) -> None:
    ssm = Ssm()
    keys = Keys(ssm, GOLDEN["keys"], tmp_path / "keys")

    keys.sync()
    keys._asked("alice")

    assert ssm.names == [GOLDEN["keys"], GOLDEN["key"]]


def test_the_certificates_keeper_reads_and_writes_under_the_tls_path() -> None:
    ssm = Ssm()
    store = Store(ssm, GOLDEN["tls"], "lamplighter", "demo")

    store._put("certificate", {"changed": True})
    store._put("account", {"changed": True})

    assert set(ssm.names) == {GOLDEN["certificate"], GOLDEN["account"]}


@pytest.mark.parametrize(
    ("action", "names"),
    [
        ("ssm:GetParameter", ["api_key", "key", "certificate", "account", "order"]),
        ("ssm:GetParametersByPath", ["keys"]),
        ("ssm:PutParameter", ["certificate", "account"]),
    ],
)
def test_the_hosts_role_grants_them(action: str, names: list[str]) -> None:
    granted = resources(action)

    for name in names:
        assert any(fnmatchcase(f"parameter{GOLDEN[name]}", each) for each in granted), name


def resources(action: str) -> list[str]:
    """Return the parameter patterns on which the host's role may do it."""
    found: list[str] = []
    deployment = parsed({"name": "demo", "model": "m"})
    for statement in host_policy.document(settings(), deployment, None)["Statement"]:
        actions, on = statement["Action"], statement["Resource"]
        if action in ([actions] if isinstance(actions, str) else actions):
            arns = on if isinstance(on, list) else [on]
            found += [re.sub(r"^.*:parameter", "parameter", arn) for arn in arns]
    return found
