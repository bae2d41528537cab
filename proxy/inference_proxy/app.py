"""Put the parts together: health by Litestar's handlers, everything else by the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from litestar import Litestar, Request, Response, asgi
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Receive, Scope, Send

from inference_proxy import health
from inference_proxy.auth import Keys
from inference_proxy.errors import (
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    ProxyError,
    UnknownPath,
)
from inference_proxy.gateway import Gateway
from inference_proxy.log import logger
from inference_proxy.settings import Settings
from inference_proxy.upstream import Upstream


def create_app(settings: Settings) -> Litestar:
    """Build the app; `app.state.gateway` is the gateway in it. Raises InvalidKeysFile."""
    upstream = Upstream(settings.backends)
    gateway = Gateway(settings, Keys(settings.keys_file), upstream)

    @asgi("/", is_mount=True, copy_scope=False)
    async def everything_else(scope: Scope, receive: Receive, send: Send) -> None:
        await gateway.serve(cast("HTTPScope", scope), receive, send)

    @asynccontextmanager
    async def connected(_: Litestar) -> AsyncIterator[None]:
        async with upstream:
            yield

    return Litestar(
        [everything_else, health.live, health.ready, health.health],
        lifespan=[connected],
        state=State({"gateway": gateway}),
        exception_handlers={HTTPException: _refused, Exception: _failed},
        openapi_config=None,
        logging_config=None,  # Litestar's own would set the root logger to INFO
    )


def _refused(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Say what Litestar's router refuses in the shape of everything else."""
    allow = (error.headers or {}).get("allow")
    if allow:
        return _response(MethodNotAllowed(f"This endpoint takes {allow} only.", allow=allow))
    if error.status_code == UnknownPath.status:
        return _response(UnknownPath("There is no such endpoint here."))
    return _response(InvalidRequest("The request's Host is not valid."))


def _failed(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    logger.error("a request met a defect of the gateway", exc_info=error)
    return _response(InternalError("The gateway failed on this request; its log says why."))


def _response(error: ProxyError) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in error.headers()}
    return Response(
        error.body(), status_code=error.status, headers=headers, media_type="application/json"
    )
