"""Service Quotas of an account that is neither new nor restricted.

Moto knows the VPC ones only, at the low values of a new account, and no defaults.
"""

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
    "L-7A658B76": ("ebs", "Storage for General Purpose SSD (gp3) volumes, in TiB"),
    "L-F678F1CE": ("vpc", "VPCs per Region"),
    "L-A4707A72": ("vpc", "Internet gateways per Region"),
    "L-E79EC296": ("vpc", "VPC security groups per Region"),
    "L-0EA8095F": ("vpc", "Inbound or outbound rules per security group"),
    "L-9D07B6EF": ("codebuild", "Concurrently running builds for Linux/Small environment"),
}
_VALUE = 500.0


class Quotas:
    """values: code -> what the account may have; a test changes it. Nothing else enforces it.

    AWS has the value of a quota that was never raised among its defaults only, for some.
    """

    def __init__(self) -> None:
        self.values = dict.fromkeys(NAMES, _VALUE)
        self.defaults: dict[str, float] = {}
        self.rules: Mapping[str, Rule] = {
            "service-quotas.GetServiceQuota": self._get,
            "service-quotas.GetAWSDefaultServiceQuota": self._default,
        }

    def _get(self, request: Request, _: Proceed) -> Response:
        return _quota(request, self.values)

    def _default(self, request: Request, _: Proceed) -> Response:
        return _quota(request, self.defaults)


def _quota(request: Request, values: Mapping[str, float]) -> Response:
    service, code = request.parameters["ServiceCode"], request.parameters["QuotaCode"]
    if code not in values or NAMES[code][0] != service:
        request.refuse(
            "NoSuchResourceException",
            "The request failed because the specified service quota does not exist.",
        )
    name = {"ServiceCode": service, "QuotaCode": code, "QuotaName": NAMES[code][1]}
    return {"Quota": {**name, "Value": values[code]}}
