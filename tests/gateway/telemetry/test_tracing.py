"""Spans: one per request, with the facts' own times, under the client's span."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from gateway.core.request_record import RequestRecord
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings
from gateway.telemetry import tracing
from gateway.telemetry.recorder import Recorder
from gateway.telemetry.tracing import Tracing
from gateway.telemetry.usage import Usage
from gatewaylab.visiting import chat
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def spans_of(*requests: RequestRecord) -> tuple[ReadableSpan, ...]:
    kept = InMemorySpanExporter()
    traced = Tracing(SimpleSpanProcessor(kept))
    for facts in requests:
        traced.record(facts)
    traced.close()
    return kept.get_finished_spans()


def test_a_span_lasts_as_long_as_its_request() -> None:
    (span,) = spans_of(chat(began=1000.0, seconds=1.5, first_byte=0.5))

    assert (span.start_time, span.end_time) == (1_000_000_000_000, 1_001_500_000_000)
    assert [(each.name, each.timestamp) for each in span.events] == [
        ("first byte", 1_000_500_000_000)
    ]


def test_a_span_says_what_the_log_says() -> None:
    (span,) = spans_of(chat(path="/v1/chat/completions?key=secret"))

    assert span.name == "chat tiny"
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "url.path": "/v1/chat/completions",
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "tiny",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 11,
        "inference_gateway.request_id": "id-1",
        "inference_gateway.key_id": "alice",
        "inference_gateway.backend": "127.0.0.1:8000",
        "inference_gateway.stream": True,
        "inference_gateway.queue_seconds": 0.03,
    }


def test_the_clients_span_is_the_parent() -> None:
    (span,) = spans_of(chat(traceparent=f"00-{TRACE}-{PARENT}-01"))

    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT


@pytest.mark.parametrize("given", [None, "", "00-zz-zz-01", "x" * 5000])
def test_without_a_valid_parent_a_trace_begins_here(given: str | None) -> None:
    (span,) = spans_of(chat(traceparent=given))

    assert span.parent is None


def test_a_client_that_does_not_want_a_trace_gets_none() -> None:
    assert spans_of(chat(traceparent=f"00-{TRACE}-{PARENT}-00")) == ()


@pytest.mark.parametrize(
    "changes", [{"status": 504}, {"status": 200, "error": "stream_incomplete"}]
)
def test_what_failed_is_marked(changes: dict[str, object]) -> None:
    good, bad = spans_of(chat(), chat(**changes))

    assert (good.status.is_ok, bad.status.is_ok) == (True, False)


def test_spans_reach_a_collector_by_the_time_the_gateway_has_ended() -> None:
    with collector() as (origin, received):
        recorder = Recorder(Settings(otlp_endpoint=origin), Usage(None))
        recorder.record(chat())
        recorder.close()

    ((path, body),) = received
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (span,) = resource.scope_spans[0].spans
    assert (path, span.name) == ("/v1/traces", "chat tiny")


def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "EXPORT_SECONDS", 0.2)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        recorder = Recorder(Settings(otlp_endpoint=origin), Usage(None))
        recorder.record(chat())
        began = time.perf_counter()

        recorder.close()

    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    ("given", "path"),
    [("", "/v1/traces"), ("/", "/v1/traces"), ("/otlp/v1/traces", "/otlp/v1/traces")],
)
def test_an_origin_gets_the_usual_path_and_a_url_keeps_its_own(given: str, path: str) -> None:
    with collector() as (origin, received):
        recorder = Recorder(Settings(otlp_endpoint=origin + given), Usage(None))
        recorder.record(chat())
        recorder.close()

    assert [each for each, _ in received] == [path]


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    program = "import gateway.http.app, sys; print('opentelemetry' in sys.modules)"

    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert output.stdout == b"False\n"


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="otlp_endpoint is 'collector:4318'"):
        Recorder(Settings(otlp_endpoint="collector:4318"), Usage(None))


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("gateway.telemetry.tracing")
    monkeypatch.setitem(sys.modules, "gateway.telemetry.tracing", None)

    with pytest.raises(InvalidSetting, match="pip install opentelemetry-sdk"):
        Recorder(Settings(otlp_endpoint="http://127.0.0.1:4318"), Usage(None))


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Something that takes what is posted to it."""
    received: list[tuple[str, bytes]] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Take) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", received
        server.shutdown()
        thread.join()
