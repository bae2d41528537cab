"""Judge: checkov (Apache-2.0), on the template as CloudFormation gets it: raw, it sees no IAM.

What it reports and is right as it is has its reason in template.yaml: in the resource's Metadata,
or in Metadata.Accepted for a type. It has an environment of its own (requirements/checkov.in).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from judges.expansion import Template, changed, expand, source
from template_files import ROOT

pytestmark = pytest.mark.judge

CHECKOV = ROOT / ".venv-checkov/bin/checkov"
# A defect of each kind: found, or the judge sees nothing.
PLANTED = {
    "PlantedQueue": ("CKV_AWS_27", {"Type": "AWS::SQS::Queue", "Properties": {}}),
    "PlantedBucket": (
        "CKV_AWS_20",
        {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}},
    ),
    "PlantedPolicy": (
        "CKV_AWS_109",
        {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": "iam:AttachRolePolicy", "Resource": "*"}
                    ],
                }
            },
        },
    ),
}


def accepted() -> Template:
    """Return the expanded resources, with what is accepted for their type in their Metadata."""
    template = changed()
    kinds = template["Metadata"]["Accepted"]
    resources = expand(template)
    for resource in resources.values():
        if more := kinds.get(resource["Type"]):
            skips = resource.setdefault("Metadata", {}).setdefault("checkov", {})
            skips["skip"] = [*skips.get("skip", []), *more]
    return resources


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Return its verdicts on the template with the planted defects."""
    assert CHECKOV.exists(), "checkov is missing: make .venv-checkov/.installed"
    resources = {**accepted(), **{name: planted for name, (_, planted) in PLANTED.items()}}
    document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    document["Parameters"] = source()["Parameters"]
    return judged(tmp_path_factory.mktemp("checkov") / "expanded.json", document)


def judged(file: Path, document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    file.write_text(json.dumps(document))
    command = [str(CHECKOV), "--file", str(file), "--framework", "cloudformation"]
    command += ["--compact", "--skip-download", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)["results"]
    return found


def named(check: dict[str, Any]) -> str:
    return str(check["resource"]).rpartition(".")[2]


def test_nothing_is_found_that_is_not_accepted_with_a_reason(results):
    failed = [check for check in results["failed_checks"] if named(check) not in PLANTED]

    assert [(check["check_id"], named(check), check["check_name"]) for check in failed] == []


def test_every_planted_defect_is_found(results):
    found = {(named(check), check["check_id"]) for check in results["failed_checks"]}

    assert {(name, check) for name, (check, _) in PLANTED.items()} <= found


def test_every_exception_is_needed_and_has_a_reason(results):
    """One that checkov would not report any more is removed from the template."""
    skipped = {(named(check), check["check_id"]) for check in results["skipped_checks"]}
    given = {
        (name, skip["id"]): skip["comment"]
        for name, resource in accepted().items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }

    assert skipped == set(given)
    assert all(len(comment.split()) > 3 for comment in given.values())
