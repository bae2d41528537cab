"""The Litestar application: health, status, metrics and API pages. Everything else is a 404.

Inference requests do not pass here: `client_connection` takes them over before ASGI.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
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

from gateway.access.client_address import ClientAddresses
from gateway.access.filters import Filters
from gateway.core import endpoints
from gateway.core.errors import GatewayError, InternalError, InvalidRequest, MethodNotAllowed
from gateway.core.log import logger
from gateway.http.page_request import PageRequest
from gateway.pages import docs, health, metrics, openapi, status
from gateway.pages.metrics import Exposition
from gateway.pages.sources import Sources
from gateway.telemetry.recorder import Recorder

_LONGEST_PATH = 100


class Pages(Litestar):
    """Litestar, where each request is a `Visit`: also those that its router refuses."""

    def __init__(
        self,
        sources: Sources,
        filters: Filters,
        addresses: ClientAddresses,
        recorder: Recorder,
        lifespan: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """`lifespan`: entered before the first request, left after the last one."""
        self._filters = filters
        self._addresses = addresses
        self._recorder = recorder
        api = [openapi.schema, docs.docs] if sources.settings.docs else []
        pages = [health.live, health.ready, health.health, status.status, metrics.metrics]
        super().__init__(
            [*pages, *api],
            lifespan=[lambda _: lifespan()],
            state=State({"sources": sources, "exposition": Exposition(sources)}),
            before_request=self._filter,
            exception_handlers={GatewayError: _error, HTTPException: _refused, Exception: _failed},
            openapi_config=None,
            logging_config=None,  # Litestar's own would set the root logger to INFO
        )

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        http = cast("HTTPScope", scope)
        client = self._addresses.of(http["client"], dict(http["headers"]))
        visit = PageRequest(http, cast("Send", send), client, self._recorder)
        try:
            await super().__call__(scope, receive, visit.send)
        finally:
            visit.end()

    async def _filter(self, request: Request[Any, Any, Any]) -> None:
        """Apply the filter rules, as to every inference request. Raises Forbidden."""
        path, headers = request.scope["raw_path"], dict(request.scope["headers"])
        if path.decode("latin-1") in health.WATCHED:
            return
        self._filters.check(
            client=self._addresses.of(request.scope["client"], headers),
            method=request.method,
            path=path,
            headers=headers,
            size=int(headers.get(b"content-length", 0)),
        )


def _error(_: Request[Any, Any, Any], error: GatewayError) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in error.headers()}
    return Response(
        error.body(), status_code=error.status, headers=headers, media_type="application/json"
    )


def _refused(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Return the refusals of Litestar's router in the shape of every other error."""
    allow = (error.headers or {}).get("allow")
    if allow:
        allow = ", ".join(sorted(allow.split(", ")))
        return _error(request, MethodNotAllowed(f"This endpoint takes {allow} only.", allow=allow))
    unknown = endpoints.unknown(request.scope["path"][:_LONGEST_PATH])
    if error.status_code == unknown.status:
        return _error(request, unknown)
    return _error(request, InvalidRequest("The request cannot be read."))


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    logger.error("a request met a defect of the gateway", exc_info=error)
    return _error(request, InternalError("The gateway failed on this request; its log says why."))
