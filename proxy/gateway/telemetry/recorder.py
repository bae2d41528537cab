"""Tell what became of a request: in the metrics, the access log, the usage per key, the traces."""

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from gateway.core.log import logger
from gateway.core.request_record import Facts
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing


class Recorder(Protocol):
    """Whoever keeps the usage per key."""

    def record(self, facts: Facts) -> None: ...


class Telling:
    """Every request comes here once, when it has ended. `metrics` is open to whoever shows them."""

    def __init__(
        self, settings: Settings, usage: Recorder, access: AccessLog | None = None
    ) -> None:
        """Raises InvalidSetting."""
        self.metrics = Metrics()
        self._usage = usage
        self._access = access or AccessLog()
        self._tracing = _tracing(settings.otlp_endpoint)

    def answered(self, facts: Facts) -> None:
        """Tell of a request that has ended. Never raises: its answer is sent, whatever happens."""
        try:
            self.metrics.observed(facts)
            self._usage.record(facts)
            self._access.line(facts)
            if self._tracing is not None:
                self._tracing.answered(facts)
        except Exception:  # noqa: BLE001 -- a defect in telling must not become the request's
            logger.exception("a request could not be told of")

    def close(self) -> None:
        """Write and send what is still here; takes some seconds if nobody takes it."""
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
