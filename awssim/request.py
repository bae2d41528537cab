"""One API call on its way through the rules to moto."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from awssim.clients import client
from awssim.faults import error

if TYPE_CHECKING:
    from botocore.client import BaseClient

Response = dict[str, Any]
Send = Callable[[Any, str, dict[str, Any]], Response]


@dataclass(frozen=True, slots=True)
class Request:
    client: BaseClient
    operation: str
    parameters: dict[str, Any]
    to_moto: Send

    @property
    def service(self) -> str:
        return self.client.meta.service_model.service_name

    @property
    def name(self) -> str:
        """As rules are keyed: `ec2.RunInstances`."""
        return f"{self.service}.{self.operation}"

    def send(self) -> Response:
        return self.to_moto(self.client, self.operation, self.parameters)

    def ask(self, operation: str, **parameters: Any) -> Response:
        """Another operation of the same service, straight to moto: no rule, no count, no fault."""
        return self.to_moto(self.client, operation, parameters)

    def ask_service(self, service: str, operation: str, **parameters: Any) -> Response:
        return self.to_moto(client(service), operation, parameters)

    def changed(self, **parameters: Any) -> Request:
        return replace(self, parameters={**self.parameters, **parameters})

    def refuse(self, code: str, message: str, *, status: int = 400) -> NoReturn:
        raise error(code, message, status=status).of(self.operation)


Proceed = Callable[[Request], Response]
Rule = Callable[[Request, Proceed], Response]


class Layer(Protocol):
    """Rules by `service.Operation`; each may refuse, proceed to the next layer, or answer."""

    @property
    def rules(self) -> Mapping[str, Rule]: ...
