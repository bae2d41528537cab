"""What the requests share: the parts of the gateway that each of them uses on its way."""

from dataclasses import dataclass, field

from gateway.access.filters import Filters
from gateway.access.keys import Keys
from gateway.access.limits import Limiter
from gateway.backends.admission_queue import Admission
from gateway.backends.routing import Routing
from gateway.core.process_state import ProcessState
from gateway.relay.delivery import Delivery
from gateway.relay.timeouts import Paces
from gateway.request.body_memory import Held
from gateway.request.read_scheduler import Reading
from gateway.settings.gateway_settings import Settings
from gateway.telemetry.recorder import Telling


@dataclass(frozen=True, slots=True)
class Services:
    """`deliveries` are the requests that are with a backend now."""

    state: ProcessState
    filters: Filters
    keys: Keys
    limiter: Limiter
    held: Held
    reading: Reading
    routing: Routing
    admission: Admission
    paces: Paces
    telling: Telling
    deliveries: set[Delivery] = field(default_factory=set)

    @property
    def settings(self) -> Settings:
        """Those in force now: a reload changes them."""
        return self.routing.settings
