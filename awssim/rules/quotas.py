"""Service Quotas of an account that is neither new nor restricted; moto knows the VPC ones only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

# code -> service, name. https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
NAMES = {
    "L-1216C47A": ("ec2", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    "L-DB2E81BA": ("ec2", "Running On-Demand G and VT instances"),
    "L-417A185B": ("ec2", "Running On-Demand P instances"),
    "L-34B43A08": ("ec2", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
    "L-3819A6DF": ("ec2", "All G and VT Spot Instance Requests"),
    "L-7212CCBC": ("ec2", "All P4, P3 and P2 Spot Instance Requests"),
    "L-C4BD4855": ("ec2", "All P5 Spot Instance Requests"),
    "L-0263D0A3": ("ec2", "EC2-VPC Elastic IPs"),
    "L-9D07B6EF": ("codebuild", "Concurrently running builds for Linux/Small environment"),
}
_VALUE = 500.0


class Quotas:
    """values: code -> what the account may have; a test lowers it. Nothing else enforces it."""

    def __init__(self) -> None:
        self.values = dict.fromkeys(NAMES, _VALUE)
        self.rules: Mapping[str, Rule] = {"service-quotas.GetServiceQuota": self._get}

    def _get(self, request: Request, proceed: Proceed) -> Response:
        service, code = request.parameters["ServiceCode"], request.parameters["QuotaCode"]
        if code in self.values and NAMES.get(code, (service,))[0] == service:
            name = NAMES.get(code, ("", code))[1]
            quota = {"QuotaCode": code, "QuotaName": name, "Value": self.values[code]}
            return {"Quota": {"ServiceCode": service, **quota}}
        return proceed(request)
