"""The order to a host, as SSM has it: taken, withdrawn, and kept when it cannot be read."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from host.drain.order import Drain, Malformed, Orders, parse

NAME = "/lamplighter/demo/hosts/i-1"
GOOD = '{"drain": {"refuse_from": "2026-11-28T12:00:00Z", "retry_after_seconds": 30}}'
AT_NOON = Drain(1_795_867_200.0, 30)


class Ssm:
    """Has one parameter, or raises: what a host's role sees."""

    def __init__(self) -> None:
        self.value: str | Exception = refusal("ParameterNotFound")
        self.asked: list[str] = []

    def get_parameter(self, *, Name: str) -> Any:  # noqa: N803
        self.asked.append(Name)
        if isinstance(self.value, Exception):
            raise self.value
        return {"Parameter": {"Value": self.value}}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetParameter")


class Lab:
    def __init__(self) -> None:
        self.ssm, self.now = Ssm(), 0.0
        self.orders = Orders(self.ssm, NAME, 3.0, lambda: self.now)

    def look(self, value: str | Exception | None = None) -> Drain | None:
        """Look when the next look is due. value: what SSM has from now on."""
        self.ssm.value = self.ssm.value if value is None else value
        self.now += 3.0
        return self.orders.drain()


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_no_parameter_is_no_order_and_not_worth_a_line(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    assert [lab.look() for _ in range(3)] == [None] * 3
    assert caplog.records == []


def test_an_order_is_taken_changed_and_withdrawn(lab: Lab) -> None:
    later = GOOD.replace("12:00:00Z", "12:01:00+00:00")

    seen = [lab.look(GOOD), lab.look(later), lab.look(refusal("ParameterNotFound"))]

    assert seen == [AT_NOON, Drain(AT_NOON.refuse_from + 60, 30), None]
    assert set(lab.ssm.asked) == {NAME}


def test_ssm_is_asked_every_three_seconds_at_most(lab: Lab) -> None:
    for tenth in range(100):
        lab.now = tenth / 10
        lab.orders.drain()

    assert len(lab.ssm.asked) == 4


@pytest.mark.parametrize(
    "problem",
    [
        refusal("ThrottlingException"),
        EndpointConnectionError(endpoint_url="https://ssm"),
        "garbage",
        '{"sleep": {}}',
    ],
    ids=str,
)
def test_what_cannot_be_read_leaves_the_order_in_force_and_is_logged_once(
    lab: Lab, caplog: pytest.LogCaptureFixture, problem: str | Exception
) -> None:
    lab.look(GOOD)

    seen = [lab.look(problem) for _ in range(3)]

    assert seen == [AT_NOON] * 3
    assert len([line for line in caplog.messages if "order ignored" in line]) == 1


def test_a_problem_that_comes_back_is_logged_again(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    for value in ("garbage", GOOD, "garbage"):
        lab.look(value)

    assert len([line for line in caplog.messages if "order ignored" in line]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "5", "null", '["drain"]', '"drain"', "{}", '{"drain": null}', '{"drain": {}}',
        "[" * 100_000,
        GOOD.replace("2026-11-28T12:00:00Z", "soon"),
        GOOD.replace("2026-11-28T12:00:00Z", "2026-11-28T12:00:00"),
        GOOD.replace("2026-11-28T12:00:00Z", "0001-01-01T00:00:00Z"),
        GOOD.replace('"2026-11-28T12:00:00Z"', "1795867200"),
        *(GOOD.replace("30", value) for value in ('"30"', "true", "-1", "1.5", "86401", "null")),
        GOOD.replace('{"drain"', '{"sleep": {}, "drain"'),
    ],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_anything_else_is_no_order(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)
