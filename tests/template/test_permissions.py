"""Least privilege that can be read off the template."""

from __future__ import annotations

import re

from orchestrator.aws import error_codes
from orchestrator.hosts.reports import SHARED_SOURCE
from template_files import ROOT

# Calls that take no resource, or whose resource has no ARN (task tokens).
UNSCOPED = re.compile(
    r"^(ec2:Describe\w+|ssm:DescribeParameters|route53:ListHostedZones(ByName)?|"
    r"cloudwatch:PutMetricData|pricing:GetProducts|servicequotas:GetAWSDefaultServiceQuota|ecr:GetAuthorizationToken|s3:ListAllMyBuckets|iam:List(Roles|InstanceProfiles)|sts:DecodeAuthorizationMessage|ssm:UpdateInstanceInformation|ssm:GetCommandInvocation|ssmmessages:\w+|states:SendTask\w+|logs:\w+|scheduler:ListSchedules|acm:(ListCertificates|RequestCertificate))$"
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


def test_the_calls_of_other_services_than_ec2_that_tags_allow_are_those_whose_denial_may_pass(
    template,
):
    by_tag = {
        action.partition(":")[2]
        for name, actions, statement in statements(template)
        for action in actions
        if name not in PEOPLE
        and action.startswith(("ecr:", "ssm:", "iam:", "cloudwatch:"))
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
PATH = "/lamplighter/${AWS::StackName}/${AWS::Region}/"  # of our roles
TAGGED_SERVICES = re.compile(r"^(ec2:(?!Describe)|ecr:|ssm:|iam:|cloudwatch:(?!PutMetricData))")
LOOKS = re.compile(
    r"^(ecr:(Describe|List|Get|BatchGetImage|BatchCheck)\w*|ssm:(Describe|List|Get)\w*|"
    r"ssm:UpdateInstanceInformation|ec2:CreateTags|(iam|cloudwatch):(Get|List|Describe)\w*)$"
)
# Judged by the role or the service that they are about, not by tags.
BY_NAME = {"iam:PassRole", "iam:CreateServiceLinkedRole"}
BUILDER = "GatewayImageRole"  # pushes into the repository that the build names
PEOPLE = {"ViewerPolicy", "OperatorPolicy"}  # tests/judges/test_people.py has theirs
HOSTS = {"HostBoundary", "InstanceRole"}  # the most for any host; what the previous version gave


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
        changing = {a for a in actions if TAGGED_SERVICES.match(a) and not LOOKS.match(a)} - BY_NAME
        if not changing or name in {BUILDER, *HOSTS} or is_untagged(statement):
            continue
        assert "lamplighter:installation" in str(statement.get("Condition")), (name, changing)


def is_untagged(statement):
    resources = statement["Resource"]
    kinds = {r["!Sub"].split(":")[-1] for r in resources} if isinstance(resources, list) else set()
    one = {resources["!Sub"].split(":")[-1]} if isinstance(resources, dict) else set()
    not_ours = {"image/*", "network-interface/*", "capacity-reservation/*"}
    not_ours |= {"StackName}-RestartAgent"}  # the installation's own, by its name
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


def test_roles_are_passed_to_ec2_and_only_those_of_the_deployments_and_one_to_scheduler(template):
    passing = {n: s for n, actions, s in statements(template) if "iam:PassRole" in actions}
    ours = {"!Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role{PATH}*"}

    scheduling = passing.pop("ScheduleFunction")
    assert scheduling["Resource"] == {"!GetAtt": "SchedulerRole.Arn"}
    assert scheduling["Condition"] == {
        "StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}
    }
    assert set(passing) == {"RoleFunction", "InstanceFunction"}
    assert passing["RoleFunction"]["Resource"] == ours
    assert passing["InstanceFunction"]["Resource"] == [ours, {"!GetAtt": "InstanceRole.Arn"}]
    for statement in passing.values():
        to_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
        assert statement["Condition"] == to_ec2


def test_scheduler_starts_the_two_workflows_only_and_for_our_group_only(template):
    role = template["Resources"]["SchedulerRole"]["Properties"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    allowed = {
        s["Action"]: s["Resource"] for n, _, s in statements(template) if n == "SchedulerRole"
    }

    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"!Ref": "AWS::AccountId"},
        "aws:SourceArn": {"!GetAtt": "ScheduleGroup.Arn"},
    }
    assert allowed == {
        "states:StartExecution": [{"!Ref": "StopStateMachine"}, {"!Ref": "StartStateMachine"}],
        "sqs:SendMessage": {"!GetAtt": "DeadLetters.Arn"},
    }


def test_only_the_roles_function_makes_roles_and_only_under_the_boundary(template):
    """Nothing that it writes allows more than the boundary does."""
    boundary = {"!Ref": "HostBoundary"}
    bounded = {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    granting = re.compile(r"iam:(Create|Put|Attach|Update|Set)(?!ServiceLinkedRole)")
    makers = {
        (n, a) for n, actions, _ in statements(template) for a in actions if granting.match(a)
    }

    assert makers == {
        ("RoleFunction", action)
        for action in {*bounded, "iam:CreateInstanceProfile", "iam:UpdateAssumeRolePolicy"}
    }
    for _, actions, statement in statements(template):
        if bounded & set(actions):
            assert statement["Condition"]["StringEquals"]["iam:PermissionsBoundary"] == boundary


def test_only_the_shared_role_of_the_previous_version_may_report_for_any_deployment(template):
    reporting = {n: s for n, actions, s in statements(template) if "events:PutEvents" in actions}

    conditions = {name: statement["Condition"] for name, statement in reporting.items()}
    assert conditions == {
        "HostBoundary": {"StringLike": {"events:source": "lamplighter.host.*"}},
        "InstanceRole": {"StringEquals": {"events:source": SHARED_SOURCE}},
    }


def test_only_the_instances_function_may_terminate(template):
    ending = {n for n, actions, _ in statements(template) if "ec2:TerminateInstances" in actions}

    assert ending == {"InstanceFunction"}


def test_only_those_who_ask_the_endpoint_or_hash_its_key_read_our_parameters(template):
    """The others read AWS's public ones."""
    readers = {
        name
        for name, actions, statement in statements(template)
        if "ssm:GetParameter" in actions and "parameter/lamplighter/" in str(statement["Resource"])
    }

    probing = {"ServingFunction", "HostReportFunction"}
    assert readers == HOSTS | {"KeysFunction", "OperatorPolicy"} | probing


def test_the_webhooks_url_is_read_by_its_function_alone_and_no_host_can_be_allowed_to(template):
    """Hosts may read under /lamplighter/ and /inference/, whatever a deployment is called."""
    path = "parameter/lamplighter-notices/${AWS::StackName}/webhook"
    users = {
        (name, action)
        for name, actions, statement in statements(template)
        for action in actions
        if path in str(statement["Resource"])
    }
    of_hosts = {
        resource["!Sub"].partition(":parameter")[2]
        for name, actions, statement in statements(template)
        if name in HOSTS and "ssm:GetParameter" in actions
        for resource in statement["Resource"]
    }

    changes = {"ssm:PutParameter", "ssm:AddTagsToResource", "ssm:DeleteParameter"}
    assert users == {("WebhookFunction", "ssm:GetParameter")} | {
        ("OperatorPolicy", action) for action in changes
    }
    assert of_hosts == {"/lamplighter/*", "/inference/*"}


def test_only_our_functions_and_the_alarms_of_this_account_publish_notices(template):
    [statement] = template["Resources"]["NoticesPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]
    publishers = {n for n, actions, _ in statements(template) if "sns:Publish" in actions}

    assert publishers == {"NoticePolicy"}
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"!Ref": "AWS::AccountId"}
    }


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
