"""What is counted, what of it a scrape shows, and to whom."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings
from gateway.telemetry.metrics import KEYS, MODELS, SERIES, Metrics
from gatewaylab.running import KEY
from gatewaylab.visiting import ELSEWHERE, Visitor, chat, written_keys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

OPEN = "application/openmetrics-text"


@pytest.fixture
def visitor(tmp_path: Path) -> Visitor:
    backend = BackendSettings(url="http://127.0.0.1:8000")
    return Visitor(Settings(backends=(backend,), keys_file=written_keys(tmp_path)))


async def scrape(visitor: Visitor) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await visitor.ask("/metrics")
    return dict(samples(answer.text))


def samples(text: str) -> Iterator[tuple[tuple[str, frozenset[tuple[str, str]]], float]]:
    for family in parse_text(text):
        for sample in family.samples:
            yield (sample.name, frozenset(sample.labels.items())), sample.value


def named(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_a_request_is_counted_by_operation_model_key_status_and_error(
    visitor: Visitor,
) -> None:
    visitor.gateway.recorder.metrics.observe(chat())
    visitor.gateway.recorder.metrics.observe(chat(status=503, error="overloaded"))

    found = await scrape(visitor)

    served = {"operation": "chat", "model": "tiny", "key": "alice"}
    requests = "inference_gateway_requests_total"
    assert found[named(requests, **served, status="200", error="")] == 1
    assert found[named(requests, **served, status="503", error="overloaded")] == 1


async def test_a_stream_is_measured_under_our_names_and_opentelemetrys(visitor: Visitor) -> None:
    visitor.gateway.recorder.metrics.observe(chat(first_byte=0.25, seconds=1.25))

    found = await scrape(visitor)

    ours = {"operation": "chat", "model": "tiny"}
    theirs = {
        "gen_ai_operation_name": "chat",
        "gen_ai_request_model": "tiny",
        "gen_ai_provider_name": "vllm",
    }
    first, rest = "time_to_first_token_seconds", "time_per_output_token_seconds"
    for name, value in ((first, 0.25), (rest, 0.1)):
        assert found[named(f"inference_gateway_{name}_sum", **ours)] == pytest.approx(value)
        assert found[named(f"gen_ai_server_{name}_sum", **theirs)] == pytest.approx(value)
    duration = "request_duration_seconds_sum"
    assert found[named(f"inference_gateway_{duration}", **ours, error="")] == 1.25
    assert found[named(f"gen_ai_server_{duration}", **theirs, error_type="")] == 1.25
    assert found[named("inference_gateway_queue_seconds_sum", **ours)] == 0.03
    usage = "gen_ai_client_token_usage_sum"
    assert found[named(usage, **theirs, gen_ai_token_type="input")] == 30
    assert found[named(usage, **theirs, gen_ai_token_type="output")] == 11


async def test_a_value_on_a_bound_falls_into_its_bucket_and_all_above(visitor: Visitor) -> None:
    visitor.gateway.recorder.metrics.observe(chat(first_byte=0.25))

    found = await scrape(visitor)

    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "inference_gateway_time_to_first_token_seconds_bucket"
    }
    assert (buckets["0.1"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (0, 1, 1, 1)


async def test_tokens_add_up_by_key(visitor: Visitor) -> None:
    for _ in range(3):
        visitor.gateway.recorder.metrics.observe(chat())

    found = await scrape(visitor)

    tokens = named("inference_gateway_tokens_total", model="tiny", key="alice", type="output")
    assert found[tokens] == 33


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"status": 499}, "client_left"),
        ({"error": "stream_incomplete"}, "streams_incomplete"),
    ],
)
async def test_what_went_wrong_is_counted(
    visitor: Visitor, changes: dict[str, Any], name: str
) -> None:
    visitor.gateway.recorder.metrics.observe(chat(**changes))
    visitor.gateway.recorder.metrics.observe(chat())

    found = await scrape(visitor)

    assert found[named(f"inference_gateway_{name}_total", operation="chat", model="tiny")] == 1


async def test_a_second_attempt_is_counted(visitor: Visitor) -> None:
    visitor.gateway.recorder.metrics.observe(chat(retried=True))

    found = await scrape(visitor)

    assert found[named("inference_gateway_retries_total", model="tiny")] == 1


async def test_gauges_tell_what_is_true_now(visitor: Visitor) -> None:
    backend = visitor.gateway.routing.backends[0]
    visitor.gateway.state.in_flight, visitor.gateway.admission.queued = 3, 2
    backend.outstanding = 1
    backend.found("down")
    backend.failed(0.0)

    found = await scrape(visitor)

    assert found[named("inference_gateway_in_flight")] == 3
    assert found[named("inference_gateway_queued")] == 2
    told = [
        found[named(f"inference_gateway_backend_{name}", backend="127.0.0.1:8000")]
        for name in ("up", "outstanding", "failures_total")
    ]
    assert told == [0, 1, 1]


async def test_the_process_tells_its_memory(visitor: Visitor) -> None:
    found = await scrape(visitor)

    assert found[named("process_resident_memory_bytes")] > 1_000_000


def test_no_label_grows_without_bound() -> None:
    metrics = Metrics()

    for number in range(SERIES + 100):
        metrics.observe(chat(model=f"m{number}", key_id=f"k{number}", error="x" * number))

    assert len({labels[1] for labels in metrics.requests}) == MODELS + 1
    assert len({labels[2] for labels in metrics.requests}) == KEYS + 1
    assert sum(metrics.requests.values()) == SERIES + 100


def test_no_metric_grows_beyond_its_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.telemetry.metrics.SERIES", 3)
    metrics = Metrics()

    for number in range(10):
        metrics.observe(chat(operation=f"o{number}"))

    late = ("other", "other")
    assert (len(metrics.requests), len(metrics.first_token)) == (4, 4)
    assert sum(metrics.first_token[late].counts) == 7


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/plain;version=broken", "text/plain; version=0.0.4"),
        (f"{OPEN};version=broken", f"{OPEN}; version=1.0.0"),
        (f"{OPEN};version=1.0.0,text/plain;q=0.5", f"{OPEN}; version=1.0.0"),
    ],
)
async def test_the_format_is_what_the_scraper_reads(
    visitor: Visitor, accept: str, kind: str
) -> None:
    visitor.gateway.recorder.metrics.observe(chat())

    answer = await visitor.ask("/metrics", accept=accept)

    assert answer.headers["content-type"].startswith(kind)
    parse = parse_open if OPEN in kind else parse_text
    assert "gen_ai_client_token_usage" in {family.name for family in parse(answer.text)}


async def test_a_stranger_gets_no_metrics(visitor: Visitor) -> None:
    elsewhere = await visitor.ask("/metrics", peer=ELSEWHERE)
    through_nginx = await visitor.ask("/metrics", x_forwarded_for=ELSEWHERE)

    assert (elsewhere.status_code, through_nginx.status_code) == (401, 401)
    assert "inference_gateway" not in elsewhere.text + through_nginx.text


async def test_a_key_opens_the_metrics_from_elsewhere(visitor: Visitor) -> None:
    answer = await visitor.ask("/metrics", x_forwarded_for=ELSEWHERE, authorization=f"Bearer {KEY}")
    refused = await visitor.ask("/metrics", authorization="Bearer sk-alice-wrong")

    assert (answer.status_code, refused.status_code) == (200, 401)


async def test_without_keys_there_is_no_valid_one() -> None:
    visitor = Visitor(Settings())

    answer = await visitor.ask("/metrics", x_forwarded_for=ELSEWHERE, authorization="Bearer any")

    assert answer.status_code == 401
