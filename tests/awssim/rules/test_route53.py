from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account


def _change(route53: Any, zone: str, *changes: tuple[str, str]) -> dict[str, Any]:
    """Applies (action, value) changes to infer.example.com in one batch."""
    changed: dict[str, Any] = route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={
            "Changes": [
                {
                    "Action": action,
                    "ResourceRecordSet": {
                        "Name": "infer.example.com",
                        "Type": "A",
                        "TTL": 60,
                        "ResourceRecords": [{"Value": value}],
                    },
                }
                for action, value in changes
            ]
        },
    )["ChangeInfo"]
    return changed


def test_creating_a_record_that_exists_is_refused(route53: Any, zone: str) -> None:
    _change(route53, zone, ("CREATE", "192.0.2.1"))

    with pytest.raises(ClientError, match=r"InvalidChangeBatch.*already exists"):
        _change(route53, zone, ("CREATE", "192.0.2.1"))


def test_creating_a_record_that_exists_with_another_value_is_refused(
    route53: Any, zone: str
) -> None:
    _change(route53, zone, ("UPSERT", "192.0.2.1"))

    with pytest.raises(ClientError, match=r"InvalidChangeBatch.*already exists"):
        _change(route53, zone, ("CREATE", "192.0.2.2"))


def test_deleting_a_record_twice_is_refused(route53: Any, zone: str) -> None:
    _change(route53, zone, ("CREATE", "192.0.2.1"))
    _change(route53, zone, ("DELETE", "192.0.2.1"))

    with pytest.raises(ClientError, match=r"InvalidChangeBatch.*not found"):
        _change(route53, zone, ("DELETE", "192.0.2.1"))


def test_deleting_a_record_with_a_former_value_is_refused(route53: Any, zone: str) -> None:
    _change(route53, zone, ("UPSERT", "192.0.2.1"))
    _change(route53, zone, ("UPSERT", "192.0.2.2"))

    with pytest.raises(ClientError, match=r"InvalidChangeBatch.*do not match"):
        _change(route53, zone, ("DELETE", "192.0.2.1"))


def test_a_batch_with_one_bad_change_changes_nothing(
    account: Account, route53: Any, zone: str
) -> None:
    with pytest.raises(ClientError, match="InvalidChangeBatch"):
        _change(route53, zone, ("CREATE", "192.0.2.1"), ("CREATE", "192.0.2.2"))

    assert account.inventory()["records"] == []


def test_a_batch_may_replace_a_record(account: Account, route53: Any, zone: str) -> None:
    _change(route53, zone, ("CREATE", "192.0.2.1"))

    _change(route53, zone, ("DELETE", "192.0.2.1"), ("CREATE", "192.0.2.2"))

    assert account.inventory()["records"] == ["infer.example.com. A"]


def test_a_record_is_deleted_as_it_is_listed(account: Account, route53: Any, zone: str) -> None:
    _change(route53, zone, ("UPSERT", "192.0.2.1"))
    listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    [record] = [record for record in listed if record["Type"] == "A"]

    route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]},
    )

    assert account.inventory()["records"] == []


def test_a_change_is_pending_before_it_is_in_sync(
    account: Account, route53: Any, zone: str
) -> None:
    change = _change(route53, zone, ("CREATE", "192.0.2.1"))

    account.clock.advance(30)

    assert change["Status"] == "PENDING"
    assert route53.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "INSYNC"


def test_an_unknown_change_is_refused(route53: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchChange"):
        route53.get_change(Id="/change/C0")


def test_a_caller_reference_creates_one_zone(route53: Any) -> None:
    route53.create_hosted_zone(Name="example.net", CallerReference="one")

    with pytest.raises(ClientError, match="HostedZoneAlreadyExists"):
        route53.create_hosted_zone(Name="example.net", CallerReference="one")
