"""The pages of the gateway, by Litestar: how it is, its metrics, its API. All else is refused.

Inference requests do not come by here: `protocol` takes them over before there is an ASGI scope.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import (
    HTTPScope,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
)

from gateway.core import endpoints
from gateway.core.errors import InternalError, InvalidRequest, MethodNotAllowed, ProxyError
from gateway.core.log import logger
from gateway.gateway import Gateway
from gateway.http.page_request import Visit
from gateway.pages import docs, health, openapi, status
from gateway.settings.gateway_settings import Settings
from gateway.telemetry import exposition
from gateway.telemetry.exposition import Exposition


def create_app(
    settings: Settings,
    config: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> "Pages":
    """Build it all; `app.state.gateway` is the gateway. Raises InvalidSetting, InvalidKeysFile."""
    gateway = Gateway(settings, config, environment)
    api = [openapi.schema, docs.docs] if settings.docs else []
    pages = [health.live, health.ready, health.health, status.status, exposition.metrics]
    return Pages(
        [*pages, *api],
        lifespan=[lambda _: gateway.running()],
        state=State({"gateway": gateway, "exposition": Exposition(gateway)}),
        before_request=_filter,
        exception_handlers={ProxyError: _told, HTTPException: _refused, Exception: _failed},
        openapi_config=None,
        logging_config=None,  # Litestar's own would set the root logger to INFO
    )


class Pages(Litestar):
    """Litestar, where each request is a `Visit`: also those that its router refuses."""

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        visit = Visit(cast("HTTPScope", scope), cast("Send", send), self.state.gateway)
        try:
            await super().__call__(scope, receive, visit.send)
        finally:
            visit.end()


async def _filter(request: Request[Any, Any, Any]) -> None:
    """Ask the filter rules, as for every inference request. Raises Forbidden."""
    gateway: Gateway = request.app.state.gateway
    path, fields = request.scope["raw_path"], list(request.scope["headers"])
    if path.decode("latin-1") in health.WATCHED:
        return
    client, headers = gateway.client_of(request.scope["client"], dict(fields)), dict(fields)
    size = int(headers.get(b"content-length", 0))
    gateway.filters.check(
        client=client, method=request.method, path=path, headers=headers, size=size
    )


def _told(_: Request[Any, Any, Any], error: ProxyError) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in error.headers()}
    return Response(
        error.body(), status_code=error.status, headers=headers, media_type="application/json"
    )


def _refused(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Say what Litestar's router refuses in the shape of everything else."""
    allow = (error.headers or {}).get("allow")
    if allow:
        allow = ", ".join(sorted(allow.split(", ")))
        return _told(request, MethodNotAllowed(f"This endpoint takes {allow} only.", allow=allow))
    if error.status_code == endpoints.unknown().status:
        return _told(request, endpoints.unknown())
    return _told(request, InvalidRequest("The request cannot be read."))


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    logger.error("a request met a defect of the gateway", exc_info=error)
    return _told(request, InternalError("The gateway failed on this request; its log says why."))
