"""Service Quotas: what an account has, what it never raised, and what there is not."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

ADDRESSES = {"ServiceCode": "ec2", "QuotaCode": "L-0263D0A3"}


def test_a_quota_has_the_value_that_the_account_has(account):
    account.quotas.values["L-0263D0A3"] = 5

    quota = account.client("service-quotas").get_service_quota(**ADDRESSES)["Quota"]

    assert (quota["QuotaName"], quota["Value"]) == ("EC2-VPC Elastic IPs", 5)


def test_a_quota_that_was_never_raised_is_among_the_defaults(account):
    del account.quotas.values["L-0263D0A3"]
    account.quotas.defaults["L-0263D0A3"] = 5
    client = account.client("service-quotas")

    with pytest.raises(ClientError, match="NoSuchResourceException"):
        client.get_service_quota(**ADDRESSES)

    assert client.get_aws_default_service_quota(**ADDRESSES)["Quota"]["Value"] == 5


@pytest.mark.parametrize("operation", ["get_service_quota", "get_aws_default_service_quota"])
@pytest.mark.parametrize("code", ["L-0263D0A3", "L-00000000"])
def test_another_service_has_no_such_quota(account, operation, code):
    with pytest.raises(ClientError, match="NoSuchResourceException"):
        getattr(account.client("service-quotas"), operation)(ServiceCode="s3", QuotaCode=code)
