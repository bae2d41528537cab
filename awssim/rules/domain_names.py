"""API Gateway's domain names: with a certificate that is issued for them, available after a while.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames-domainname.html
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from awssim.clients import ACCOUNT_ID, REGION
from awssim.lifecycle import Lifecycle
from botocore.exceptions import ClientError
from moto.apigatewayv2.models import apigatewayv2_backends

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule
    from awssim.rules.certificates import Certificates

ZONE = "Z1UJRXOUMOOFQ8"  # of API Gateway's regional names in us-east-1
AVAILABLE_SECONDS = 10


def _map(request: Request, proceed: Proceed) -> Response:
    """CloudFormation made the API, for which another double answers: moto learns of it here."""
    apis, identifier = apigatewayv2_backends[ACCOUNT_ID][REGION].apis, request.parameters["ApiId"]
    if identifier not in apis:
        made = request.ask("CreateApi", Name=identifier, ProtocolType="HTTP")["ApiId"]
        apis[identifier] = apis.pop(made)
        apis[identifier].api_id = identifier
    return proceed(request)


class DomainNames:
    def __init__(self, clock: Clock, certificates: Certificates) -> None:
        self._states, self._certificates = Lifecycle(clock), certificates
        self.rules: Mapping[str, Rule] = {
            "apigatewayv2.CreateDomainName": self._create,
            "apigatewayv2.CreateApiMapping": _map,
            "apigatewayv2.GetDomainName": self._get,
            "apigatewayv2.GetDomainNames": self._list,
        }

    def _create(self, request: Request, proceed: Proceed) -> Response:
        name = request.parameters["DomainName"]
        [settings] = request.parameters["DomainNameConfigurations"]
        if settings.get("EndpointType") != "REGIONAL":
            request.refuse("BadRequestException", "HTTP APIs have regional domain names only")
        if not self._is_issued(request, settings["CertificateArn"], name):
            text = f"The provided certificate is not valid for {name}."
            request.refuse("BadRequestException", text)
        answer = proceed(request)
        self._states.begin(name, "UPDATING", "AVAILABLE", seconds=AVAILABLE_SECONDS)
        return self._shown(answer)

    def _get(self, request: Request, proceed: Proceed) -> Response:
        return self._shown(proceed(request))

    def _list(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        answer["Items"] = [self._shown(each) for each in answer.get("Items", [])]
        return answer

    def _shown(self, found: dict[str, Any]) -> dict[str, Any]:
        name = found["DomainName"]
        mark = hashlib.sha256(name.encode()).hexdigest()[:10]
        for settings in found["DomainNameConfigurations"]:
            known = self._states.knows(name)
            settings["DomainNameStatus"] = self._states.state(name) if known else "AVAILABLE"
            settings["ApiGatewayDomainName"] = f"d-{mark}.execute-api.{REGION}.amazonaws.com"
            settings["HostedZoneId"] = ZONE
        return found

    def _is_issued(self, request: Request, arn: str, name: str) -> bool:
        def proceed(asked: Request) -> Response:
            return asked.ask_service("acm", "DescribeCertificate", CertificateArn=arn)

        try:
            answer = self._certificates.rules["acm.DescribeCertificate"](request, proceed)
        except ClientError:
            return False
        found = answer["Certificate"]
        return bool(found["Status"] == "ISSUED" and found["DomainName"] == name)
