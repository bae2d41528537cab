"""Least privilege that can be read off the template."""

from __future__ import annotations

import re

from orchestrator.aws import error_codes
from template_files import ROOT, rules

# Calls that take no resource, or whose resource has no ARN (task tokens).
UNSCOPED = re.compile(
    r"^(ec2:Describe\w+|ssm:DescribeParameters|route53:ListHostedZonesByName|"
    r"cloudwatch:PutMetricData|ecr:GetAuthorizationToken|s3:ListAllMyBuckets|ssm:UpdateInstanceInformation|ssmmessages:\w+|states:SendTask\w+|logs:\w+)$"
)
CHANGES_EC2 = re.compile(r"^ec2:(?!Describe|CreateTags$)")


def statements(template):
    """Yield (resource, actions, statement) of every policy in the template."""
    for name, resource in template["Resources"].items():
        for statement in [s for document in documents(resource) for s in document["Statement"]]:
            actions = statement["Action"]
            yield name, [actions] if isinstance(actions, str) else actions, statement


def documents(resource):
    properties = resource["Properties"]
    inline = [p.get("PolicyDocument", p) for p in properties.get("Policies", [])]
    if resource["Type"] == "AWS::IAM::ManagedPolicy":
        return [properties["PolicyDocument"]]
    return [document for document in inline if "Statement" in document]


def test_a_star_resource_is_only_for_calls_that_take_none(template):
    for name, actions, statement in statements(template):
        if statement["Resource"] == "*":
            assert all(UNSCOPED.match(action) for action in actions), (name, actions)


def test_no_action_is_a_wildcard(template):
    assert not [(n, a) for n, actions, _ in statements(template) for a in actions if "*" in a]


def test_ec2_is_changed_only_where_our_tag_is(template):
    """But for what AWS makes itself in the call, and for the operator's own reservations."""
    for name, actions, statement in statements(template):
        if any(CHANGES_EC2.match(action) for action in actions) and "Condition" not in statement:
            resources = statement["Resource"]
            resources = resources if isinstance(resources, list) else [resources]
            kinds = {r["!Sub"].split(":")[-1] for r in resources}
            assert kinds <= {"network-interface/*"} or kinds == {"capacity-reservation/*"}, (
                name,
                actions,
            )


def test_the_calls_of_ecr_and_ssm_that_tags_allow_are_those_whose_denial_may_pass(template):
    by_tag = {
        action.partition(":")[2]
        for _, actions, statement in statements(template)
        for action in actions
        if action.startswith(("ecr:", "ssm:"))
        and "aws:ResourceTag/lamplighter:deployment" in str(statement.get("Condition"))
    }

    assert by_tag == error_codes._ALLOWED_BY_TAG


def test_an_instance_boots_from_an_image_of_a_trusted_owner_only(template):
    """Whoever makes the image has what our instance's role may do."""
    launching = [
        (name, statement)
        for name, actions, statement in statements(template)
        if "ec2:RunInstances" in actions and "::image/*" in str(statement["Resource"])
    ]

    assert {name for name, _ in launching} == {"InstanceFunction"}
    for _, statement in launching:
        assert statement["Condition"] == {
            "StringEquals": {
                "ec2:Owner": {"!Split": [",", {"!Sub": "${AWS::AccountId},${ImageOwners}"}]}
            }
        }


INSTALLATION = {"!Ref": "AWS::StackName"}
TAGGED_SERVICES = re.compile(r"^(ec2:(?!Describe)|ecr:|ssm:)")
LOOKS = re.compile(
    r"^(ecr:(Describe|List|Get|BatchGetImage|BatchCheck)\w*|ssm:(Describe|List|Get)\w*|"
    r"ssm:UpdateInstanceInformation|ec2:CreateTags)$"
)
REPORTING = ("InstanceRole", ["events:PutEvents"])
BUILDER = "GatewayImageRole"  # pushes into the repository that the build names


def test_what_is_created_carries_the_installation_in_the_same_call(template):
    for name, _, condition in conditions(template):
        if "aws:RequestTag/lamplighter:deployment" in condition.get("Null", {}):
            equals = condition.get("StringEquals", {})
            assert equals.get("aws:RequestTag/lamplighter:installation") == INSTALLATION, name


def test_what_is_there_is_changed_only_in_its_own_installation(template):
    """IfExists: what an earlier version made carries the deployment's tag alone."""
    for name, _, condition in conditions(template):
        if "aws:ResourceTag/lamplighter:deployment" in condition.get("Null", {}):
            equals = condition.get("StringEqualsIfExists", {})
            assert equals.get("aws:ResourceTag/lamplighter:installation") == INSTALLATION, name


def test_nothing_with_tags_is_changed_without_asking_for_ours(template):
    """But for images, reservations, network interfaces, the host's certificate, build layers."""
    for name, actions, statement in statements(template):
        changing = [a for a in actions if TAGGED_SERVICES.match(a) and not LOOKS.match(a)]
        if not changing or name in {BUILDER, "InstanceRole"} or is_untagged(statement):
            continue
        assert "lamplighter:installation" in str(statement.get("Condition")), (name, changing)


def is_untagged(statement):
    resources = statement["Resource"]
    kinds = {r["!Sub"].split(":")[-1] for r in resources} if isinstance(resources, list) else set()
    one = {resources["!Sub"].split(":")[-1]} if isinstance(resources, dict) else set()
    not_ours = {"image/*", "network-interface/*", "capacity-reservation/*"}
    return bool(kinds | one) and kinds | one <= not_ours


def conditions(template):
    for name, actions, statement in statements(template):
        yield name, actions, statement.get("Condition", {})


def test_every_bucket_is_this_accounts(template):
    """Its name can be guessed: another account may have taken it. What we create is ours."""
    without_resource = {"s3:CreateBucket", "s3:ListAllMyBuckets"}
    for name, actions, statement in statements(template):
        if any(a.startswith("s3:") for a in actions) and not set(actions) <= without_resource:
            account = statement["Condition"]["StringEquals"]["aws:ResourceAccount"]
            assert account == {"!Ref": "AWS::AccountId"}, (name, actions)


def test_only_the_instances_function_may_pass_a_role(template):
    passing = {n for n, actions, _ in statements(template) if "iam:PassRole" in actions}

    assert passing == {"InstanceFunction"}


def test_only_the_instances_function_may_terminate(template):
    ending = {n for n, actions, _ in statements(template) if "ec2:TerminateInstances" in actions}

    assert ending == {"InstanceFunction"}


def test_only_the_instance_follows_the_keys_and_only_under_their_path(template):
    [(name, statement)] = [
        (n, s) for n, actions, s in statements(template) if "ssm:GetParametersByPath" in actions
    ]

    assert name == "InstanceRole"
    assert statement["Resource"]["!Sub"].endswith(":parameter/lamplighter/*/keys")


def test_only_those_who_ask_the_endpoint_or_hash_its_key_read_our_parameters(template):
    """The others read AWS's public ones."""
    readers = {
        name
        for name, actions, statement in statements(template)
        if "ssm:GetParameter" in actions and "parameter/lamplighter/" in str(statement["Resource"])
    }

    probing = {"ServingFunction", "HostReportFunction"}
    assert readers == {"InstanceRole", "KeysFunction"} | probing


def test_the_instance_writes_no_parameter_but_its_certificate_and_account(template):
    [statement] = [
        s
        for n, actions, s in statements(template)
        if "ssm:PutParameter" in actions and n == "InstanceRole"
    ]

    paths = {resource["!Sub"].partition(":parameter")[2] for resource in statement["Resource"]}
    assert paths == {"/lamplighter/*/tls/certificate", "/lamplighter/*/tls/account"}


def test_the_instance_reads_scripts_and_writes_diagnostics_and_nothing_else_in_its_bucket(template):
    """One that could write scripts could change what the next machine runs."""
    buckets = "arn:${AWS::Partition}:s3:::lamplighter-*-${AWS::AccountId}-${AWS::Region}"
    allowed = {
        (action, statement["Resource"]["!Sub"])
        for name, actions, statement in statements(template)
        for action in actions
        if name == "InstanceRole" and action.startswith("s3:")
    }

    assert allowed == {
        ("s3:GetObject", f"{buckets}/scripts/*"),
        ("s3:PutObject", f"{buckets}/diagnostics/*"),
    }


def test_the_instance_changes_txt_records_of_the_acme_label_only(template):
    [statement] = [
        s
        for n, actions, s in statements(template)
        if n == "InstanceRole" and "route53:ChangeResourceRecordSets" in actions
    ]
    keys = {
        f"route53:ChangeResourceRecordSets{what}"
        for what in ("NormalizedRecordNames", "RecordTypes", "Actions")
    }

    condition = statement["Condition"]
    given = condition["ForAllValues:StringLike"] | condition["ForAllValues:StringEquals"]
    assert given == {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": "_acme-challenge.*",
        "route53:ChangeResourceRecordSetsRecordTypes": "TXT",
        "route53:ChangeResourceRecordSetsActions": ["UPSERT", "DELETE"],
    }
    assert condition["Null"] == dict.fromkeys(keys, "false")


def test_the_instance_counts_in_one_namespace(template):
    [statement] = [
        s for _, actions, s in statements(template) if "cloudwatch:PutMetricData" in actions
    ]

    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Lamplighter"}}


def test_the_instance_reports_under_the_source_that_the_rule_receives(template):
    [statement] = [s for n, actions, s in statements(template) if (n, actions) == REPORTING]
    sources = [rule["Pattern"]["source"] for rule in rules(template).values()]

    source = statement["Condition"]["StringEquals"]["events:source"]

    assert [source] in sources
    assert statement["Resource"] == {"!GetAtt": "Bus.Arn"}


def test_every_statement_says_why():
    """A comment stands above each statement, or above the group of two that belong together."""
    lines = [line.strip() for line in (ROOT / "template.yaml").read_text().splitlines()]
    starts = [number for number, line in enumerate(lines) if line == "- Effect: Allow"]

    silent = [
        number + 1
        for number in starts
        if not any(above.startswith("# ") for above in lines[number - 5 : number])
        and not lines[number + 1].startswith("Principal")
    ]

    assert silent == []
