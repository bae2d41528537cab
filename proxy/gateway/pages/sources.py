"""What the pages show: the parts of the gateway that they read."""

from dataclasses import dataclass

from gateway.access.keys import Keys
from gateway.backends.admission_queue import AdmissionQueue
from gateway.backends.host_status import HostStatus
from gateway.backends.routing import Routing
from gateway.core.process_state import ProcessState
from gateway.settings.gateway_settings import Settings
from gateway.settings.reload import Reload
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.usage import Usage


@dataclass(frozen=True, slots=True)
class Sources:
    state: ProcessState
    keys: Keys
    routing: Routing
    admission: AdmissionQueue
    host: HostStatus
    usage: Usage
    metrics: Metrics
    reload: Reload

    @property
    def settings(self) -> Settings:
        """Those in force now: a reload changes them."""
        return self.routing.settings
