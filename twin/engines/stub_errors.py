"""The stub engine's errors: vLLM's body for what a client can do wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from twin.engines.stub_answers import BadRequest, UnknownModel


@web.middleware
async def explained(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer BadRequest with 400 and UnknownModel with 404."""
    try:
        return await handler(request)
    except BadRequest as error:
        return _error(400, "BadRequestError", str(error), None)
    except UnknownModel as error:
        return _error(404, "NotFoundError", str(error), "model")


def _error(status: int, kind: str, message: str, parameter: str | None) -> web.Response:
    body = {"message": message, "type": kind, "param": parameter, "code": status}
    return web.json_response({"error": body}, status=status)
