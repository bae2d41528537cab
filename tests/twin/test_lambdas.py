"""Lambda workers: layers, error documents, warm environments, separate processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.twin


def invoke(account: Any, name: str, given: Any) -> Any:
    answer = account.client("lambda").invoke(FunctionName=name, Payload=json.dumps(given).encode())
    return json.loads(answer["Payload"].read())


def test_a_variable_that_says_opt_names_the_merged_layers(account: Any) -> None:
    seen = invoke(account, account.outputs["Probe"], {})

    assert seen["greeting"] == "hello from the layer\n"
    assert seen["listed"] == ["greeting.txt"]


def test_a_worker_knows_its_function_and_the_local_aws_only(account: Any) -> None:
    seen = invoke(account, account.outputs["Probe"], {"asked": [1, None]})

    assert seen["name"] == account.outputs["Probe"]
    assert seen["endpoint"] == account.twin.endpoint
    assert seen["event"] == {"asked": [1, None]}


def test_every_function_is_a_process_of_its_own_that_stays_warm(account: Any) -> None:
    first = invoke(account, account.outputs["Probe"], {})
    again = invoke(account, account.outputs["Probe"], {})
    other = account.run({"do": "pending", "key": "other"})

    assert first["pid"] == again["pid"] != json.loads(other["output"])["pid"]


def test_an_exception_is_reported_by_its_class_name(account: Any) -> None:
    name = next(
        each["FunctionName"]
        for each in account.client("lambda").list_functions()["Functions"]
        if "FailFunction" in each["FunctionName"]
    )

    document = invoke(account, name, {})

    assert document["errorType"] == "ResourceConflict"
    assert document["errorMessage"] == "a VPC named prod exists and is not ours"


def test_a_worker_survives_the_exceptions_of_its_handler(account: Any) -> None:
    before = [each["worker"] for each in account.journal() if each["operation"] == "UpdateItem"]
    account.run({"do": "pending", "key": "survivor"})

    calls = [each["worker"] for each in account.journal() if each["operation"] == "UpdateItem"]

    assert len(calls) == len(before) + 3
    assert len(set(calls[len(before) :])) == 1
