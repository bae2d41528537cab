"""What the requests share: the parts of the gateway that each of them uses on its way."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.access.cache_salts import CacheSalts
from gateway.access.filters import Filters
from gateway.access.keys import Keys
from gateway.access.limits import Limiter
from gateway.backends.admission_queue import AdmissionQueue
from gateway.backends.host_status import HostStatus
from gateway.backends.response_owners import ResponseOwners
from gateway.backends.routing import Routing
from gateway.core.process_state import ProcessState
from gateway.relay.delivery import Delivery
from gateway.relay.timeouts import ModelSpeeds
from gateway.request.cost.body_memory import BodyMemory
from gateway.request.read_scheduler import ReadScheduler
from gateway.settings.gateway_settings import Settings
from gateway.telemetry.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Services:
    """`deliveries` are the requests that are with a backend now.

    `look_again` asks the backends for their models, then calls back.
    """

    state: ProcessState
    host: HostStatus
    filters: Filters
    keys: Keys
    limiter: Limiter
    body_memory: BodyMemory
    read_scheduler: ReadScheduler
    routing: Routing
    admission: AdmissionQueue
    speeds: ModelSpeeds
    recorder: Recorder
    look_again: Callable[[Callable[[], None]], None]
    salts: CacheSalts = field(default_factory=CacheSalts)
    owners: ResponseOwners = field(default_factory=ResponseOwners)
    deliveries: set[Delivery] = field(default_factory=set)

    @property
    def settings(self) -> Settings:
        """Those in force now: a reload changes them."""
        return self.routing.settings
