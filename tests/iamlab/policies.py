"""Policies as they are in force: template.yaml's with its references resolved, and hosts' roles."""

from __future__ import annotations

from functools import cache
from typing import Any

from awssim.clients import ACCOUNT_ID, REGION
from orchestrator.launch import host_policy
from orchestrator.settings import Settings
from orchestrator.spec.parsing import parse
from simlab.template import STACK, Reader
from template_files import ROOT, read

from iamlab.evaluation import Document

Documents = tuple[Document, ...]


@cache
def of(role: str) -> Documents:
    """Return the policies of a function, a state machine, a role or a managed policy, by its
    logical name.
    """
    reader = _reader()
    properties = reader.resources[role]["Properties"]
    found: list[Document] = []
    if "PolicyDocument" in properties:
        found.append(_resolved(reader, properties["PolicyDocument"]))
    for policy in properties.get("Policies", []):
        if "!Ref" in policy:
            found += of(policy["!Ref"])
        else:
            found.append(_resolved(reader, policy.get("PolicyDocument", policy)))
    return tuple(found)


def boundary() -> Document:
    [document] = of("HostBoundary")
    return document


@cache
def settings() -> Settings:
    """Return the settings that the template gives its functions."""
    reader = _reader()
    variables = reader.document["Globals"]["Function"]["Environment"]["Variables"]
    given = {name: reader.text(value) for name, value in variables.items()}
    return Settings(
        installation=STACK, partition="aws", region=REGION, account=ACCOUNT_ID,
        ledger_table=given["LEDGER_TABLE"], event_bus=given["EVENT_BUS"],
        host_boundary=given["HOST_BOUNDARY"], earlier_profile=given["EARLIER_PROFILE"],
        image_project=given["IMAGE_PROJECT"], repair_machine="", payload=ROOT,
        image_owners=("amazon",), settle_seconds=60, step_seconds=60, host_silence_seconds=600,
    )  # fmt: skip


def of_host(spec: dict[str, Any], zone: str | None) -> Document:
    """Return the policy that the role of a deployment's hosts gets."""
    return host_policy.document(settings(), parse(spec), zone)


@cache
def _reader() -> Reader:
    return Reader(read(), {})


def _resolved(reader: Reader, node: Any) -> Any:
    if isinstance(node, list):
        return [_resolved(reader, each) for each in node]
    if not isinstance(node, dict):
        return node
    if "!Split" in node:
        separator, text = node["!Split"]
        return reader.text(text).split(separator)
    if any(key.startswith("!") for key in node):
        return reader.text(node)
    return {key: _resolved(reader, value) for key, value in node.items()}
