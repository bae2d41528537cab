"""Deployments of an earlier version: rows of its ledger, and accounts as its code left them.

earlier_version.json holds for each deployment: `rows`, as DynamoDB returns them; `calls`, what
its code asked AWS for to change the account, with the ids that the answers gave; `at`, the
account's time when the rows were read, in seconds; for the one that was torn down `tokens`, the
ClientTokens that were used.

To record another version, run `World` of its commit (tests/simlab) once for each deployment with
`Account._call` wrapped: keep time, service, operation, parameters and answer of every counted
call that `Call.changes_the_account`, add the instances that the test itself terminates, and of
each answer the ids that a later call or a row names. A call that only reads is kept for such an
id. Contents of files are left out, except deployment.env; the API key is replaced. Then scan the
table.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import jmespath
import pytest
from awssim import furnish
from boto3.dynamodb.types import TypeDeserializer
from botocore import xform_name
from cli.conftest import lamplighter, ledger, workflows
from host_scripts.conftest import blank_host  # makes the agent's programs importable
from simlab import World
from simlab.template import stack

__all__ = ["blank_host", "lamplighter", "ledger", "workflows"]

_FILE = Path(__file__).with_name("earlier_version.json")


class Recorded:
    """One deployment of the earlier version."""

    def __init__(self, name):
        self.name = name
        self.document = json.loads(_FILE.read_text())["deployments"][name]
        self.rows = [plain(item) for item in self.document["rows"]]
        self.tokens = self.document.get("tokens", [])

    def of_kind(self, kind):
        """The rows of a kind, by their sort key."""
        return [row for row in self.rows if row["sk"].partition("#")[0] == kind]

    def put_into(self, account, table):
        """Repeat what its code did at AWS, at the same times; then write its ledger.

        AWS gives other ids this time: they replace the recorded ones everywhere.
        """
        ids = {}
        for call in self.document["calls"]:
            account.clock.advance(max(0.0, call["at"] - account.clock.seconds))
            send = getattr(account.client(call["service"]), xform_name(call["operation"]))
            answer = send(**_replaced(call["parameters"], ids))
            for path, old in call.get("gives", {}).items():
                ids[old] = jmespath.search(path, answer).rpartition("/")[2]
        account.clock.advance(self.document["at"] - account.clock.seconds)
        for item in _replaced(self.document["rows"], ids):
            account.client("dynamodb").put_item(TableName=table, Item=item)


def plain(item):
    return TypeDeserializer().deserialize({"M": item})


def _replaced(document, ids):
    """`document` with these ids in the place of the recorded ones."""
    if not ids:
        return document
    found = re.compile("|".join(map(re.escape, sorted(ids, key=len, reverse=True))))
    return json.loads(found.sub(lambda match: ids[match[0]], json.dumps(document)))


@pytest.fixture(scope="session")
def earlier():
    """Call it with a deployment's name: what the earlier version left of it."""
    return cache(Recorded)


@pytest.fixture
def world_of(earlier):
    """Call it with a deployment's name: a world in which this version meets it."""
    [table], [profile], [project] = (
        stack({}).named[kind]
        for kind in ("AWS::DynamoDB::Table", "AWS::IAM::InstanceProfile", "AWS::CodeBuild::Project")
    )

    @contextmanager
    def opened(name):
        def restore(account):
            furnish(
                account, table=table, profile=profile, project=project, boundary=stack({}).boundary
            )
            with account.uncounted():
                earlier(name).put_into(account, table)

        with World.open(seed=1, restore=restore) as world:
            yield world

    return opened


@pytest.fixture
def asked(lamplighter):
    """Call it with a command line: the command's document."""

    def ask(*arguments):
        result = lamplighter("--json", *arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return ask
