"""Record what became of a request: in metrics, access log, usage per key and traces."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.core.log import logger
from gateway.core.request_record import RequestRecord
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.usage import Usage

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing


class Recorder:
    """Every request comes here once, when it has ended. The metrics page reads `metrics`."""

    def __init__(self, settings: Settings, usage: Usage, access: AccessLog | None = None) -> None:
        """Raises InvalidSetting."""
        self.metrics = Metrics()
        self._usage = usage
        self._access = access or AccessLog()
        self._tracing = _tracing(settings.otlp_endpoint)

    def record(self, record: RequestRecord) -> None:
        """Record a request that has ended. Never raises: its answer is sent, whatever happens."""
        try:
            self.metrics.observe(record)
            self._usage.record(record)
            self._access.line(record)
            if self._tracing is not None:
                self._tracing.record(record)
        except Exception:  # noqa: BLE001 -- a defect here must not become the request's
            logger.exception("a request could not be recorded")

    def close(self) -> None:
        """Write and send what is still here; takes some seconds if there is no reader."""
        self._access.close()
        if self._tracing is not None:
            self._tracing.close()


def _tracing(endpoint: str | None) -> "Tracing | None":
    if endpoint is None:
        return None
    if urlsplit(endpoint).scheme not in {"http", "https"}:
        raise InvalidSetting(f"otlp_endpoint is {endpoint!r}, it takes a URL of http or https")
    try:
        from gateway.telemetry import tracing  # noqa: PLC0415 -- its packages may be missing
    except ImportError as error:
        raise InvalidSetting(
            "otlp_endpoint is set, but what it needs is missing: "
            "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
        ) from error
    return tracing.exporting(endpoint)
