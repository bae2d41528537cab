"""`/metrics`: what was counted and what is true now, in Prometheus' text format or OpenMetrics.

Names and labels of the gen_ai metrics are OpenTelemetry's, as Prometheus spells them:
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

from asyncio import to_thread
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from litestar import Request, Response, route
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway import VERSION
from gateway.core.errors import InvalidKey
from gateway.pages.page import READ
from gateway.pages.sources import Sources
from gateway.pages.viewer import viewer_of
from gateway.telemetry.metrics import Counts, Histograms, Labels, Metrics

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

_OURS = "inference_gateway_"
_SERVED = ("operation", "model")
_GEN_AI = ("gen_ai_operation_name", "gen_ai_request_model")
_PROVIDER = ("gen_ai_provider_name",)
_VLLM = ("vllm",)


@route("/metrics", http_method=READ)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer this machine itself and holders of a key (they see the ids of all keys).

    nginx is on loopback too: whatever has an X-Forwarded-For came from outside, and needs a key.
    """
    state = request.app.state
    if viewer_of(request, state.sources).is_stranger:
        raise InvalidKey("The metrics are for this machine itself, and for holders of a key.")
    text, kind = await to_thread(state.exposition.page, request.headers.get("accept", ""))
    return Response(text, headers={"content-type": kind, "cache-control": "no-store"})


class Exposition(Collector):
    """Reads the slots of `Metrics` and the gauges of the gateway whenever it is asked.

    In a thread, for a thousand keys take their time: so it reads copies, of what goes on changing.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return the text and its content type."""
        # the library's own negotiation fails on versions that are no numbers
        wants = "application/openmetrics-text; version=1.0.0"
        encode, kind = choose_encoder(wants if "application/openmetrics-text" in accept else "")
        return encode(self._registry), kind

    def collect(self) -> Iterator[Family]:
        metrics = self._sources.metrics
        yield _last_request(metrics)
        yield from _counters(metrics)
        yield from _histograms(metrics)
        yield from _gen_ai(metrics)
        yield from _gauges(self._sources)


def _last_request(metrics: Metrics) -> Family:
    about = "When the last request ended, in seconds since the epoch."
    ended = list(metrics.last_request.items())
    return _gauge("last_request_timestamp_seconds", about, ("operation",), ended)


def _counters(metrics: Metrics) -> Iterator[Family]:
    labels: Labels = (*_SERVED, "key", "status", "error")
    yield _counter("requests", "Requests that have ended.", labels, metrics.requests)
    labels = ("model", "key", "type")
    yield _counter("tokens", "Tokens, as the engine counted them.", labels, metrics.tokens)
    about = "Requests that were sent to a backend a second time."
    yield _counter("retries", about, ("model",), metrics.retries)
    about = "Requests that went to another backend, by what was wrong with the first one."
    yield _counter("failovers", about, ("model", "reason"), metrics.failovers)
    about = "Requests that went to a fallback, by what their clients got."
    yield _counter("fallbacks", about, ("model", "backend", "status"), metrics.fallbacks)
    about = "Clients that left before they had the whole answer."
    yield _counter("client_left", about, _SERVED, metrics.client_left)
    about = "Streams that had begun and ended with an error."
    yield _counter("streams_incomplete", about, _SERVED, metrics.streams_incomplete)


def _histograms(metrics: Metrics) -> Iterator[Family]:
    labels = (*_SERVED, "error")
    about = "From the request's arrival to its last byte."
    yield _histogram(f"{_OURS}request_duration_seconds", about, labels, metrics.duration)
    about = "From a request's arrival to the first byte of its stream."
    yield _histogram(f"{_OURS}time_to_first_token_seconds", about, _SERVED, metrics.first_token)
    about = "Between two tokens of a stream, on average, after the first."
    yield _histogram(f"{_OURS}time_per_output_token_seconds", about, _SERVED, metrics.per_token)
    about = "Time that requests waited for a backend."
    yield _histogram(f"{_OURS}queue_seconds", about, _SERVED, metrics.queue)


def _gen_ai(metrics: Metrics) -> Iterator[Family]:
    name, about = "gen_ai_server_request_duration_seconds", "Generative AI server request duration."
    yield _gen_ai_histogram(name, about, ("error_type",), metrics.duration)
    name, about = "gen_ai_server_time_to_first_token_seconds", "Time to generate first token."
    yield _gen_ai_histogram(name, about, (), metrics.first_token)
    name = "gen_ai_server_time_per_output_token_seconds"
    about = "Time per output token generated after the first token."
    yield _gen_ai_histogram(name, about, (), metrics.per_token)
    name, about = "gen_ai_client_token_usage", "Number of input and output tokens used."
    yield _gen_ai_histogram(name, about, ("gen_ai_token_type",), metrics.usage)


def _gauges(sources: Sources) -> Iterator[Family]:
    yield _gauge("build_info", "The version that runs.", ("version",), [((VERSION,), 1)])
    yield _gauge(
        "in_flight", "Requests from arrival to last byte.", (), [((), sources.state.in_flight)]
    )
    about = "Whether the document of its settings has a mistake, and the last good one is in force."
    yield _gauge("settings_refused", about, (), [((), sources.reload.wrong is not None)])
    about = "Requests that wait for a backend."
    yield _gauge("queued", about, (), [((), sources.admission.queued)])
    backends, label = sources.routing.backends, ("backend",)
    about = "Whether the backend answers its probes."
    own = [one for one in backends if not one.fallback]
    yield _gauge("backend_up", about, label, [((each.name,), each.up) for each in own])
    fallbacks = [((one.name,), one.up) for one in backends if one.fallback]
    yield _gauge("fallback_up", "The same of a fallback.", label, fallbacks)
    outstanding = [((each.name,), each.outstanding) for each in backends]
    yield _gauge("backend_outstanding", "Requests at the backend now.", label, outstanding)
    failures = Counts({(each.name,): each.failures for each in backends})
    about = "Requests that failed by the backend's fault."
    yield _counter("backend_failures", about, label, failures)


def _counter(name: str, about: str, labels: Labels, counts: Counts) -> Family:
    family = CounterMetricFamily(_OURS + name, about, labels=labels)
    for values, count in list(counts.items()):
        family.add_metric(values, count)
    return family


def _gauge(name: str, about: str, labels: Labels, values: Sequence[tuple[Labels, float]]) -> Family:
    family = GaugeMetricFamily(_OURS + name, about, labels=labels)
    for named, value in values:
        family.add_metric(named, value)
    return family


def _gen_ai_histogram(name: str, about: str, more: Labels, histograms: Histograms) -> Family:
    """Leave out what reached no model: the convention is about those alone."""
    with_model = Histograms(histograms.bounds)
    for (operation, model, *rest), series in list(histograms.items()):
        if model:
            with_model[operation, model, *rest, *_VLLM] = series
    return _histogram(name, about, (*_GEN_AI, *more, *_PROVIDER), with_model)


def _histogram(name: str, about: str, labels: Labels, histograms: Histograms) -> Family:
    family = HistogramMetricFamily(name, about, labels=labels)
    for values, series in list(histograms.items()):
        family.add_metric(values, _buckets(histograms.bounds, series.counts), series.sum)
    return family


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return each bound and how many values are at most that."""
    named = [*map(str, bounds), "+Inf"]
    return list(zip(named, accumulate(counts), strict=True))
