"""Spans by OpenTelemetry. Imported only if an endpoint for them is set, and so is OpenTelemetry.

A span is made when its request has ended, from the same record as the log line, with the times that
it holds: nothing is carried along while the request runs. The client's span is its parent, as it
is the engine's: the gateway passes `traceparent` on as it came. A span costs some 50 us of CPU,
with its export.
Attributes: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/

OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS and the SDK's other variables do what its
documentation says.
"""

from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway import VERSION
from gateway.core.log import NAME
from gateway.core.request_record import RequestRecord

EXPORT_SECONDS = 3.0  # how long a collector that does not answer may hold up the process's end

_NANOSECONDS = 1_000_000_000
_FAILED_FROM = 500


def exporting(endpoint: str) -> "Tracing":
    """Return tracing to an OTLP/HTTP endpoint, in a thread and in batches."""
    return Tracing(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=_traces(endpoint), timeout=EXPORT_SECONDS))
    )


class Tracing:
    """Makes a span of each request that its client, or the sampler, wants traced."""

    def __init__(self, processor: SpanProcessor) -> None:
        service = {"service.name": "inference-gateway", "service.version": VERSION}
        self._provider = TracerProvider(resource=Resource.create(service), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(NAME, VERSION)
        self._context = TraceContextTextMapPropagator()

    def record(self, record: RequestRecord) -> None:
        """Make the span of a request that has ended."""
        began = round(record.began * _NANOSECONDS)
        carrier = {"traceparent": record.traceparent} if record.traceparent else {}
        span = self._tracer.start_span(
            f"{record.operation} {record.model}" if record.model else record.operation,
            self._context.extract(carrier, Context()),
            SpanKind.SERVER,
            _attributes(record),
            start_time=began,
        )
        if record.first_byte is not None:
            span.add_event("first byte", timestamp=began + round(record.first_byte * _NANOSECONDS))
        if record.status >= _FAILED_FROM or record.error:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + round(record.seconds * _NANOSECONDS))

    def close(self) -> None:
        """Send what is still here; a few seconds at most."""
        self._provider.shutdown()


def _attributes(record: RequestRecord) -> dict[str, str | int | float]:
    known: dict[str, str | int | float | None] = {
        "http.request.method": record.method,
        "url.path": record.path.partition("?")[0],
        "http.response.status_code": record.status,
        "error.type": record.error,
        "gen_ai.operation.name": record.operation,
        "gen_ai.provider.name": "vllm" if record.model and not record.fallback else None,
        "gen_ai.request.model": record.model,
        "gen_ai.usage.input_tokens": record.prompt_tokens,
        "gen_ai.usage.output_tokens": record.completion_tokens,
        "inference_gateway.request_id": record.request_id,
        "inference_gateway.key_id": record.key_id,
        "inference_gateway.backend": record.backend,
        "inference_gateway.fallback": record.fallback or None,
        "inference_gateway.stream": record.stream,
        "inference_gateway.queue_seconds": record.queued,
    }
    return {name: value for name, value in known.items() if value is not None}


def _traces(endpoint: str) -> str:
    """Return where traces go: a bare origin gets the path that the specification gives it."""
    bare = urlsplit(endpoint).path in {"", "/"}
    return endpoint.rstrip("/") + "/v1/traces" if bare else endpoint
