"""One request on its way to a backend: routed, queued, refused, tried elsewhere.

It waits in the admission queue, and holds a backend's slot through its delivery.
"""

from gateway.backends.backend import Backend
from gateway.backends.target import Target
from gateway.core.errors import BackendLost, BackendUnavailable, GatewayError
from gateway.relay.delivery import Delivery
from gateway.relay.downstream import Downstream
from gateway.relay.services import Services
from gateway.relay.upstream_request import UpstreamRequest

_PAUSE_SECONDS = 0.5  # before a backend that refused it is asked again


class Dispatch:
    """`delivery` is None while no backend has it. `end` releases everything."""

    __slots__ = (
        "_downstream",
        "_home",
        "_is_bound",
        "_is_queued",
        "_lost",
        "_moved",
        "_moves",
        "_queued_at",
        "_services",
        "_tried",
        "_upstream",
        "delivery",
        "not_before",
        "priority",
        "target",
        "wait_until",
        "waits",
    )  # fmt: skip

    def __init__(
        self,
        downstream: Downstream,
        services: Services,
        upstream: UpstreamRequest,
        target: Target,
        priority: int,
        home: Backend | None = None,
    ) -> None:
        """`home`: the backend that knows what the request is about."""
        self._home = home
        self._moves = services.settings.failovers if upstream.may_move else 0
        self._moved = self.waits = False
        self._lost: BackendLost | None = None  # the answer where no fallback answers instead
        self.wait_until = self.not_before = 0.0
        self._downstream = downstream
        self._services = services
        self._upstream = upstream
        self._is_bound = upstream.is_bound or home is not None
        self.target = self._reach(target)
        self.priority = priority
        self._tried: list[Backend] = []
        self._is_queued = False
        self._queued_at = 0.0
        self.delivery: Delivery | None = None

    def send(self, affinity: bytes | None) -> None:
        """Raises BackendUnavailable, ModelLoading, Overloaded."""
        try:
            backend = self._services.routing.choose(
                self.target, self.priority, affinity, self._tried, self._home
            )
        except BackendUnavailable:
            if not self._may_wait():
                raise
            backend = None
        if backend is None:
            self._queued_at = self._downstream.loop.time()
            self._services.admission.enter(self, self.priority, self.target, self._queued_at)
            self._is_queued = True
        else:
            self._deliver(backend)

    def _may_wait(self) -> bool:
        """Whether it may wait for a backend to come up; only one that none has begun to answer."""
        most, now = self._services.settings.backend_wait_seconds, self._downstream.loop.time()
        if not most or self._moved:
            return False
        if not self.waits:
            self.waits, self.wait_until = True, now + most
        self.not_before = now + _PAUSE_SECONDS
        self._tried.clear()
        return now < self.wait_until

    def may_move(self, *, to_fallback: bool = False) -> bool:
        """Whether another backend may be asked instead of the one that has it.

        `to_fallback`: only a fallback may.
        """
        if not self._moves or self.delivery is None:
            return False
        tried = [*self._tried, self.delivery.backend]
        others = self._services.routing.others(self.target, self.priority, tried)
        return any(one.fallback for one in others) if to_fallback else bool(others)

    def move(self, reason: str, *, to_fallback: bool = False) -> None:
        """Ask another backend: no byte of this one's answer has been sent."""
        if to_fallback:
            self._tried += [one for one in self.target.backends if not one.fallback]
            self._lost = BackendLost("The model server broke off before it answered.")
        self._moves -= 1
        self._moved = True
        self._downstream.record.failover = reason
        self.refused(None)

    def refused(self, error: GatewayError | None) -> None:
        """Nothing was sent, so another backend may be asked. `error`: if there is none."""
        delivery = self._release()
        if delivery is not None:
            self._tried.append(delivery.backend)
        self._downstream.record.fallback = False
        self._downstream.record.retried = True
        self._downstream.record.failover = self._downstream.record.failover or "refused"
        try:
            self.send(None)
        except BackendUnavailable:
            known = error or self._lost
            if known is None:
                raise
            raise known from None

    def end(self) -> Delivery | None:
        """Release what was taken; return the delivery, if there was one."""
        if self._is_queued:
            self._leave()
            self._services.admission.leave(self)
        return self._release()

    # -- the admission queue calls these -----------------------------------------------------

    def admitted(self, backend: Backend) -> None:
        self._leave()
        self._downstream.guarded(lambda: self._deliver(backend))

    def look_again(self) -> None:
        name = self._upstream.model
        self._downstream.guarded(lambda: self._find_target(name))

    def expired(self) -> None:
        self._leave()
        self._downstream.fail(self._services.admission.refusal(self))

    # ----------------------------------------------------------------------------------------

    def _find_target(self, name: str | None) -> None:
        self.target = self._reach(self._services.routing.resolve(name, waits=True))

    def _reach(self, target: Target) -> Target:
        """Leave the fallbacks out for what another backend keeps."""
        is_there = self._home is not None and self._home.fallback
        return target.own() if self._is_bound and not is_there else target

    def _leave(self) -> None:
        self._is_queued = False
        self._downstream.record.queued += self._downstream.loop.time() - self._queued_at

    def _deliver(self, backend: Backend) -> None:
        self._upstream.fit(backend, self.target)
        self._downstream.record.backend = backend.name
        self._downstream.record.fallback = backend.fallback
        delivery = self.delivery = Delivery(self._downstream, backend, self._upstream)
        self._services.deliveries.add(delivery)
        delivery.start()

    def _release(self) -> Delivery | None:
        delivery, self.delivery = self.delivery, None
        if delivery is not None:
            self._services.deliveries.discard(delivery)
            delivery.release()
            self._services.admission.released(delivery.backend)
        return delivery
