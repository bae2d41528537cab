"""What a deployment's hosts may do in the account: with its own things, and with no other's.

The least of what a host calls, for one deployment; HostBoundary in template.yaml is the same for
all of them, and the most that any host's role allows.
"""

from __future__ import annotations

from typing import Any

from orchestrator.aws import naming
from orchestrator.launch import engine_image
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment

Statement = dict[str, Any]

_SESSIONS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]
_PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
_CHANGES = "route53:ChangeResourceRecordSets"


def document(settings: Settings, deployment: Deployment, zone: str | None) -> dict[str, Any]:
    """Return the policy; a statement's Sid says what it is for.

    zone: id of the hosted zone in which the host proves that its name is ours, None where it does
    not (`proves_by_dns`).
    """
    arns = _Arns(settings, deployment.name)
    statements = [
        _allow("SessionManagerInsteadOfSsh", _SESSIONS, "*"),
        *_files(arns),
        *_images(arns, deployment),
        *_parameters(arns, deployment),
        *(_certificate(arns, deployment, zone) if zone else []),
        *_reports(arns, deployment.name),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def together(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the policy that allows what each of these allows: while hosts of two specifications
    have one role. A Sid is there once.
    """
    first, *others = documents
    statements = list(first["Statement"])
    for number, document in enumerate(others, 2):
        more = [each for each in document["Statement"] if each not in statements]
        statements += [{**each, "Sid": f"{each['Sid']}{number}"} for each in more]
    return {**first, "Statement": statements}


def proves_by_dns(deployment: Deployment) -> bool:
    """Return whether the host writes records to get its certificate."""
    return deployment.host is not None and deployment.certificate.challenge == "dns-01"


def trust() -> dict[str, Any]:
    """Return who may take the role: EC2, for an instance."""
    principal = {"Service": "ec2.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


class _Arns:
    """ARNs of one deployment's things."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.name = settings, name

    def of(self, service: str, what: str) -> str:
        """Return the ARN of something of this account and region."""
        known = self.settings
        return f"arn:{known.partition}:{service}:{known.region}:{known.account}:{what}"

    def anywhere(self, service: str, what: str) -> str:
        """Return the ARN of something whose ARNs name neither account nor region."""
        return f"arn:{self.settings.partition}:{service}:::{what}"

    def objects(self, folder: str) -> str:
        known = self.settings
        bucket = naming.bucket(self.name, known.account, known.region)
        return self.anywhere("s3", f"{bucket}/{folder}/*")

    def parameters(self, *names: str) -> list[str]:
        return [self.of("ssm", f"parameter{name}") for name in names]


def _allow(why: str, action: str | list[str], resource: Any, **condition: Any) -> Statement:
    stated = {"Sid": why, "Effect": "Allow", "Action": action, "Resource": resource}
    return {**stated, "Condition": condition} if condition else stated


def _files(arns: _Arns) -> list[Statement]:
    ours = {"StringEquals": {"aws:ResourceAccount": arns.settings.account}}
    return [
        _allow("FetchesItsScripts", "s3:GetObject", arns.objects("scripts"), **ours),
        _allow("FollowsItsGatewaysSettings", "s3:GetObject", arns.objects("gateway"), **ours),
        _allow("UploadsDiagnostics", "s3:PutObject", arns.objects("diagnostics"), **ours),
    ]


def _images(arns: _Arns, deployment: Deployment) -> list[Statement]:
    settings, repositories = arns.settings, [naming.repository(deployment.name)]
    image = deployment.engine.image
    if engine := engine_image.own_repository(image, settings.account, settings.region):
        repositories.append(engine)
    pulled = [arns.of("ecr", f"repository/{each}") for each in repositories]
    return [
        _allow("LogsInToTheRegistry", "ecr:GetAuthorizationToken", "*"),
        _allow("PullsItsImages", _PULL, pulled),
    ]


def _parameters(arns: _Arns, deployment: Deployment) -> list[Statement]:
    """An order is for one host, but its id is not known before it is launched.

    The tags decide what a teardown deletes: the host gives its certificate no others.
    """
    name = deployment.name
    kept = [f"{naming.tls_path(name)}/{each}" for each in ("certificate", "account")]
    named = (
        deployment.engine.hf_token_parameter,
        deployment.certificate.own_parameter,
        *(each.key_parameter for each in deployment.gateway.fallbacks),
    )
    read = [
        naming.api_key_parameter(name),
        f"{naming.keys_path(name)}/*",
        f"{naming.orders_path(name)}/*",
        *kept,
        *(each for each in named if each),
    ]
    keys = naming.keys_path(name)
    owner = {naming.OWNER: name, naming.INSTALLATION: arns.settings.installation}
    ours = {f"aws:RequestTag/{key}": value for key, value in owner.items()}
    return [
        _allow("ReadsItsParameters", "ssm:GetParameter", arns.parameters(*read)),
        _allow("FollowsItsKeys", "ssm:GetParametersByPath", arns.parameters(keys)),
        _allow(
            "KeepsItsCertificate",
            "ssm:PutParameter",
            arns.parameters(*kept),
            StringEqualsIfExists=ours,
        ),
        _allow(
            "TagsItAsItsOwn", "ssm:AddTagsToResource", arns.parameters(*kept), StringEquals=ours
        ),
    ]


def _certificate(arns: _Arns, deployment: Deployment, zone: str) -> list[Statement]:
    """Null: without the keys in the request, ForAllValues would be true of anything."""
    names, types, actions = (
        f"{_CHANGES}{what}" for what in ("NormalizedRecordNames", "RecordTypes", "Actions")
    )
    wanted = {
        names: [f"_acme-challenge.{deployment.host}".lower()],
        types: ["TXT"],
        actions: ["UPSERT", "DELETE"],
    }
    only = {
        "ForAllValues:StringEquals": wanted,
        "Null": dict.fromkeys((names, types, actions), "false"),
    }
    found = [] if deployment.dns.zone_id else ["route53:ListHostedZonesByName"]
    return [
        _allow("ProvesItsName", _CHANGES, arns.anywhere("route53", f"hostedzone/{zone}"), **only),
        _allow("WaitsForNameServers", "route53:GetChange", arns.anywhere("route53", "change/*")),
        *(_allow("FindsItsZone", each, "*") for each in found),
    ]


def _reports(arns: _Arns, name: str) -> list[Statement]:
    source = {"StringEquals": {"events:source": naming.event_source(name)}}
    counts = {"StringEquals": {"cloudwatch:namespace": naming.metrics_namespace(name)}}
    bus = arns.of("events", f"event-bus/{arns.settings.event_bus}")
    return [
        _allow("ReportsAboutItself", "events:PutEvents", bus, **source),
        _allow("CountsAboutItself", "cloudwatch:PutMetricData", "*", **counts),
    ]
