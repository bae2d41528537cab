"""One request on its way to a backend: routed, queued, refused, tried elsewhere.

It waits in the admission queue, and holds a backend's slot through its delivery.
"""

from gateway.backends.backend import Backend
from gateway.backends.target import Target
from gateway.core.errors import BackendUnavailable, GatewayError
from gateway.relay.delivery import Delivery
from gateway.relay.downstream import Downstream
from gateway.relay.services import Services
from gateway.relay.upstream_request import UpstreamRequest


class Dispatch:
    """`delivery` is None while no backend has it. `end` releases everything."""

    __slots__ = (
        "_downstream", "_is_queued", "_queued_at", "_services", "_tried", "_upstream", "delivery",
        "priority", "target",
    )  # fmt: skip

    def __init__(
        self,
        downstream: Downstream,
        services: Services,
        upstream: UpstreamRequest,
        target: Target,
        priority: int,
    ) -> None:
        self._downstream = downstream
        self._services = services
        self._upstream = upstream
        self.target = target
        self.priority = priority
        self._tried: list[Backend] = []
        self._is_queued = False
        self._queued_at = 0.0
        self.delivery: Delivery | None = None

    def send(self, affinity: bytes | None) -> None:
        """Raises BackendUnavailable, ModelLoading, Overloaded."""
        backend = self._services.routing.choose(self.target, self.priority, affinity, self._tried)
        if backend is None:
            self._queued_at = self._downstream.loop.time()
            self._services.admission.enter(self, self.priority, self.target, self._queued_at)
            self._is_queued = True
        else:
            self._deliver(backend)

    def refused(self, error: GatewayError | None) -> None:
        """Nothing was sent, so another backend may be asked. `error`: if there is none."""
        delivery = self._release()
        if delivery is not None:
            self._tried.append(delivery.backend)
        self._downstream.record.retried = True
        try:
            self.send(None)
        except BackendUnavailable:
            if error is None:
                raise
            raise error from None

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

    def expired(self) -> None:
        self._leave()
        self._downstream.fail(self._services.admission.refusal(self))

    # ----------------------------------------------------------------------------------------

    def _leave(self) -> None:
        self._is_queued = False
        self._downstream.record.queued += self._downstream.loop.time() - self._queued_at

    def _deliver(self, backend: Backend) -> None:
        self._downstream.record.backend = backend.name
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
