"""The agent's probes against a real small server: what each answer proves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from host.probes import layers
from host.probes.chain import Chain
from host.probes.check import Check, Verdict
from host_scripts.endpoint import Endpoint, stop
from host_scripts.sandbox import API_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


class Key:
    def __init__(self) -> None:
        self.forgotten = 0

    def read(self) -> str:
        return API_KEY

    def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    endpoint.serve_all()
    server = endpoint.start()
    yield endpoint
    stop(server)


@pytest.fixture
def chain(endpoint: Endpoint) -> Chain:
    return Chain("org/model", endpoint.url, endpoint.url, endpoint.url)


def look(chain: Chain, key: Any = None, *, with_completion: bool = True) -> Check:
    keeper: Any = key or Key()
    return layers.look(chain, keeper, with_completion=with_completion)


def test_a_host_works_when_every_layer_answers(chain: Chain, endpoint: Endpoint) -> None:
    assert look(chain) == Check(Verdict.WORKS)
    assert [path for path, _ in endpoint.asked] == [
        "/health",
        "/health/live",
        "/v1/models",
        "/v1/chat/completions",
    ]


def test_the_gateway_can_tell_a_probe_from_a_caller(chain: Chain, endpoint: Endpoint) -> None:
    look(chain)

    assert all(each.startswith("lamplighter-probe-") for each in endpoint.request_ids)
    assert len(set(endpoint.request_ids)) == len(endpoint.request_ids)


def test_a_completion_costs_one_token(chain: Chain, endpoint: Endpoint) -> None:
    look(chain)

    _, body = endpoint.asked[-1]
    assert (body["model"], body["max_tokens"]) == ("org/model", 1)


def test_no_token_is_bought_when_none_is_asked_for(chain: Chain, endpoint: Endpoint) -> None:
    assert look(chain, with_completion=False) == Check(Verdict.WORKS)
    assert endpoint.count("/v1/chat/completions") == 0


@pytest.mark.parametrize("path", ["/health", "/health/live", "/v1/models", "/v1/chat/completions"])
@pytest.mark.parametrize(
    ("status", "verdict"),
    [(500, Verdict.DEAD), (503, Verdict.DEAD), (0, Verdict.DEAD), (404, Verdict.UNSURE)],
)
def test_b16_a_layer_that_fails_ends_the_look_and_is_named(
    chain: Chain, endpoint: Endpoint, path: str, status: int, verdict: Verdict
) -> None:
    endpoint.answers[path] = (status, {})

    found = look(chain)

    assert found.verdict is verdict
    assert f"{endpoint.url}{path}" in str(found.why)
    assert endpoint.asked[-1][0] == path


def test_a_closed_port_is_dead(chain: Chain) -> None:
    found = look(replace(chain, engine="http://127.0.0.1:1"))

    refused = "the engine does not answer (http://127.0.0.1:1/health: Connection refused)"
    assert found == Check(Verdict.DEAD, refused)


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/health", 503, "engine"),
        ("/health", 0, None),  # cut off: its process ends, or has not begun to answer
        ("/health/live", 502, "gateway"),  # nginx' word on what is behind it
        ("/health/live", 0, "nginx"),
        ("/v1/models", 503, "gateway"),
        ("/v1/models", 404, None),
    ],
)
def test_what_a_restart_may_help_is_named(
    chain: Chain, endpoint: Endpoint, path: str, status: int, part: str | None
) -> None:
    endpoint.answers[path] = (status, {})

    assert look(chain, with_completion=False).mends == part


def test_b2_an_engine_that_loads_is_nothing_to_mend(chain: Chain) -> None:
    assert look(replace(chain, engine="http://127.0.0.1:1")).mends is None


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/v1/chat/completions"])
def test_b16_an_answer_that_does_not_come_in_time_proves_nothing(
    chain: Chain, endpoint: Endpoint, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "QUICK", 1.0)
    monkeypatch.setattr(layers, "COMPLETION", 1.0)
    endpoint.delays[path] = 60.0

    found = look(chain)

    assert found == Check(Verdict.UNSURE, f"{endpoint.url}{path} did not answer within 1 s")


@pytest.mark.parametrize(
    "listing", [{"data": []}, {"data": [{"id": "org/other"}]}, {"data": None}, [], "x", None]
)
def test_a_gateway_that_does_not_list_the_model_does_not_serve_it(
    chain: Chain, endpoint: Endpoint, listing: Any
) -> None:
    endpoint.answers["/v1/models"] = (200, listing)

    found = look(chain)

    assert found == Check(Verdict.UNSURE, f"{endpoint.url}/v1/models does not list org/model")


@pytest.mark.parametrize("answer", [{"choices": []}, {}, [], None])
def test_a_completion_without_a_choice_is_none(
    chain: Chain, endpoint: Endpoint, answer: Any
) -> None:
    endpoint.answers["/v1/chat/completions"] = (200, answer)

    assert look(chain).verdict is Verdict.UNSURE


def test_a_model_without_a_chat_template_is_asked_plainly(chain: Chain, endpoint: Endpoint) -> None:
    endpoint.answers["/v1/chat/completions"] = (400, {})

    assert look(chain) == Check(Verdict.WORKS)
    assert endpoint.asked[-1][0] == "/v1/completions"


def test_a_refused_key_is_forgotten_and_no_layer_is_called_dead(
    chain: Chain, endpoint: Endpoint
) -> None:
    endpoint.key, key = "sk-rotated", Key()

    assert look(chain, key).verdict is Verdict.UNSURE
    assert key.forgotten == 1


def test_without_an_engine_a_gateway_that_is_well_is_enough(
    chain: Chain, endpoint: Endpoint
) -> None:
    found = look(replace(chain, engine=None, nginx=None))

    assert found == Check(Verdict.WORKS)
    assert [path for path, _ in endpoint.asked] == ["/health"]
