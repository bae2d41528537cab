"""API Gateway's domain name of an endpoint: it leads requests to the waker, and costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code, tolerating
from orchestrator.creation.ownership import conflict, owns
from orchestrator.errors import Pending
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_GONE = "NotFoundException"
_STAGE = "$default"

Tags = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class DomainName:
    """target: the name of AWS that an alias record leads to; zone: that name's hosted zone."""

    target: str
    zone: str
    certificate: str
    is_available: bool


def find(clients: Clients, ledger: Ledger, host: str) -> DomainName | None:
    """Return ours; ResourceConflict: the account has one of this name that is not ours."""
    found = _read(clients, host)
    if found is None:
        return None
    if not owns(ledger, _tags(found), host):
        what = f"the API Gateway domain name {host}"
        raise conflict(ledger, what, _tags(found), "sleep.by_name: false")
    for settings in found["DomainNameConfigurations"]:
        return DomainName(
            settings["ApiGatewayDomainName"],
            settings["HostedZoneId"],
            settings["CertificateArn"],
            settings["DomainNameStatus"] == "AVAILABLE",
        )
    raise Pending(f"the API Gateway domain name {host} has no settings yet")


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: str, certificate: str
) -> DomainName:
    """Return it once it is available, mapped to the waker; Pending before that."""
    found = find(clients, ledger, host)
    if found is None:
        _create(clients, deployment, ledger, host, certificate)
        raise Pending(f"the API Gateway domain name {host} was made: looking again")
    if found.certificate != certificate:
        _delete(clients, host)
        raise Pending(f"the API Gateway domain name {host} had another certificate: made anew")
    if not found.is_available:
        raise Pending(f"the API Gateway domain name {host} is not available yet")
    if not _mappings(clients, host):
        clients.apigateway.create_api_mapping(
            ApiId=clients.settings.wake_api, DomainName=host, Stage=_STAGE
        )
    return found


def destroy(clients: Clients, ledger: Ledger, host: str) -> None:
    """Delete it if it is ours."""
    found = _read(clients, host)
    if found and owns(ledger, _tags(found), host):
        _delete(clients, host)


def owners(clients: Clients) -> Iterator[tuple[str, Tags]]:
    """Yield (host, tags) of every domain name of the region."""
    for page in clients.apigateway.get_paginator("get_domain_names").paginate():
        yield from ((each["DomainName"], _tags(each)) for each in page["Items"])


def deployment_of(clients: Clients, host: str) -> str | None:
    """Return the deployment of this installation whose domain name this is."""
    found = _read(clients, host)
    installation, deployment = naming.owner(_tags(found)) if found else (None, None)
    return deployment if installation == clients.settings.installation else None


def _create(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: str, certificate: str
) -> None:
    """That it is there already means that a call before this one made it."""
    tags = naming.tags(ledger.installation, deployment, naming.WAKE_NAME)
    try:
        clients.apigateway.create_domain_name(
            DomainName=host,
            DomainNameConfigurations=[
                {
                    "CertificateArn": certificate,
                    "EndpointType": "REGIONAL",
                    "SecurityPolicy": "TLS_1_2",
                }
            ],
            Tags={tag["Key"]: tag["Value"] for tag in tags},
        )
    except ClientError as error:
        if code(error) != "ConflictException":
            raise


def _delete(clients: Clients, host: str) -> None:
    for mapping in _mappings(clients, host):
        with tolerating(_GONE):
            clients.apigateway.delete_api_mapping(ApiMappingId=mapping, DomainName=host)
    with tolerating(_GONE):
        clients.apigateway.delete_domain_name(DomainName=host)


def _mappings(clients: Clients, host: str) -> list[str]:
    with tolerating(_GONE):
        items = clients.apigateway.get_api_mappings(DomainName=host)["Items"]
        return [each["ApiMappingId"] for each in items]
    return []


def _read(clients: Clients, host: str) -> Any:
    with tolerating(_GONE):
        return clients.apigateway.get_domain_name(DomainName=host)
    return None


def _tags(found: Any) -> Tags:
    return [{"Key": key, "Value": value} for key, value in found.get("Tags", {}).items()]
