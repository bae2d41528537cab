"""Let a request in, count it, relay it, and say how it ended: exactly once each.

This is a raw ASGI application: a framework's handler is not told when its client leaves before the
answer has begun, and every such request would keep the GPU busy for nobody.
"""

from collections.abc import Mapping

from litestar.types import HTTPScope, Receive, Send

from inference_proxy import body as bodies
from inference_proxy import routes
from inference_proxy.auth import Keys
from inference_proxy.body import Ask
from inference_proxy.errors import ClientLeft, EngineDisabled, InvalidRequest, ProxyError
from inference_proxy.exchange import Exchange
from inference_proxy.relay import Job, relay
from inference_proxy.settings import Settings
from inference_proxy.timeouts import budgets, patience
from inference_proxy.upstream import Request, Upstream

# What a backend hears of the request's headers. Everything else stays here, the key above all.
_FORWARDED = (b"content-type", b"accept", b"traceparent", b"tracestate")


class Gateway:
    """Serves the inference endpoints. `in_flight` counts requests from arrival to last byte."""

    def __init__(self, settings: Settings, keys: Keys, upstream: Upstream) -> None:
        self.settings = settings
        self.keys = keys
        self.upstream = upstream
        self.in_flight = 0
        self.draining = False

    async def serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        exchange = Exchange(scope, headers, send)
        self.in_flight += 1
        try:
            await self._answer(scope, headers, receive, exchange)
        except ClientLeft:
            exchange.client_left()
        finally:
            self.in_flight -= 1
            exchange.log()

    async def _answer(
        self,
        scope: HTTPScope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        exchange: Exchange,
    ) -> None:
        try:
            job = await self._admit(scope, headers, receive, exchange)
            await relay(self.upstream, job, receive, exchange)
        except ProxyError as error:
            await exchange.fail(error)

    async def _admit(
        self,
        scope: HTTPScope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        exchange: Exchange,
    ) -> Job:
        """Return what is to be relayed, or raise what is wrong with it."""
        _refuse_ambiguous(scope)
        route = routes.match(exchange.method, exchange.path)
        exchange.key_id = self.keys.identify(headers.get(b"authorization"))
        body, ask = b"", Ask()
        if route.method == "POST":
            body = await bodies.read(receive, headers, self.settings.max_body)
            ask = bodies.decode(body)
        exchange.stream = bool(ask.stream)
        if not self.settings.engine_enabled:
            raise EngineDisabled("This deployment runs without an inference engine.")
        client_seconds = patience(headers.get(b"x-stainless-read-timeout"))
        limits = budgets(ask, self.settings, client_seconds)
        passed = _forwarded(headers, exchange.request_id)
        return Job(Request(route.method, route.path, passed, body, limits.connect), limits, route)


def _refuse_ambiguous(scope: HTTPScope) -> None:
    """Refuse what two servers in a row may read differently."""
    hosts = sum(name == b"host" for name, _ in scope["headers"])
    if scope["http_version"] not in {"1.0", "1.1"} or hosts > 1:
        raise InvalidRequest("This is not one HTTP/1.1 request with one Host.")


def _forwarded(headers: Mapping[bytes, bytes], request_id: bytes) -> dict[str, str]:
    passed = {
        name.decode(): headers[name].decode("latin-1") for name in _FORWARDED if name in headers
    }
    return passed | {"x-request-id": request_id.decode()}
