"""ACM issues a certificate some time after its record is in a public zone, and keeps one in use.

https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
https://docs.aws.amazon.com/acm/latest/APIReference/API_DeleteCertificate.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

RECORD_SECONDS, ISSUE_SECONDS = 5, 90
_TOKEN = re.compile(r"\w{1,32}")


class Certificates:
    """refuses: names that ACM may not issue for, each with its FailureReason, e.g. CAA_ERROR."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._requested: dict[str, float] = {}
        self._proved: dict[str, float] = {}
        self.refuses: dict[str, str] = {}
        self.rules: Mapping[str, Rule] = {
            "acm.RequestCertificate": self._request,
            "acm.DescribeCertificate": self._describe,
            "acm.DeleteCertificate": self._delete,
            "route53.ChangeResourceRecordSets": self._change,
        }

    def _request(self, request: Request, proceed: Proceed) -> Response:
        token = request.parameters.get("IdempotencyToken", "token")
        if not _TOKEN.fullmatch(token):
            request.refuse("ValidationException", f"Value '{token}' at 'idempotencyToken' failed")
        answer = proceed(request)
        self._requested.setdefault(answer["CertificateArn"], self._clock.seconds)
        return answer

    def _describe(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        found = answer["Certificate"]
        found["Status"] = self._status(request, found)
        found.pop("FailureReason", None)
        if found["Status"] == "FAILED":
            found["FailureReason"] = self.refuses[found["DomainName"]]
        age = self._clock.seconds - self._requested.get(found["CertificateArn"], 0.0)
        if age < RECORD_SECONDS:
            for option in found["DomainValidationOptions"]:
                option.pop("ResourceRecord", None)
        return answer

    def _change(self, request: Request, proceed: Proceed) -> Response:
        """ACM looks by itself."""
        answer = proceed(request)
        for arn in self._requested.keys() - self._proved.keys():
            try:
                found = request.ask_service("acm", "DescribeCertificate", CertificateArn=arn)
            except ClientError:
                continue  # deleted since
            self._look(request, found["Certificate"])
        return answer

    def _delete(self, request: Request, proceed: Proceed) -> Response:
        arn = request.parameters["CertificateArn"]
        names = request.ask_service("apigatewayv2", "GetDomainNames")["Items"]
        used = [s["CertificateArn"] for n in names for s in n["DomainNameConfigurations"]]
        if arn in used:
            request.refuse("ResourceInUseException", f"Certificate {arn} is in use.")
        return proceed(request)

    def _status(self, request: Request, found: dict[str, Any]) -> str:
        if found["DomainName"] in self.refuses:
            return "FAILED"
        self._look(request, found)
        proved = self._proved.get(found["CertificateArn"])
        is_issued = proved is not None and self._clock.seconds >= proved + ISSUE_SECONDS
        return "ISSUED" if is_issued else "PENDING_VALIDATION"

    def _look(self, request: Request, found: dict[str, Any]) -> None:
        options = [o["ResourceRecord"] for o in found["DomainValidationOptions"]]
        if all(_is_there(request, each) for each in options):
            self._proved.setdefault(found["CertificateArn"], self._clock.seconds)


def _is_there(request: Request, record: dict[str, str]) -> bool:
    """Return whether a public zone has the record."""
    for zone in request.ask_service("route53", "ListHostedZones")["HostedZones"]:
        if not record["Name"].endswith(f".{zone['Name']}"):
            continue
        try:
            listed = request.ask_service(
                "route53", "ListResourceRecordSets", HostedZoneId=zone["Id"].rpartition("/")[2]
            )
        except ClientError:
            continue
        for each in listed["ResourceRecordSets"]:
            values = [value["Value"] for value in each.get("ResourceRecords", [])]
            if (each["Name"], each["Type"]) == (record["Name"], record["Type"]):
                return record["Value"] in values
    return False
