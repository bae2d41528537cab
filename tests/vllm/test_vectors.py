"""Embeddings: the same model, served by a vLLM for pooling. Runs last, in the other's place."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from vllmlab.calls.seeded import pooling_calls
from vllmlab.comparison import compared
from vllmlab.engine import Engine
from vllmlab.gate import Gate, gate

COUNT = 40


@pytest.fixture(scope="module")
def pooler(lab: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    lab.stop()
    engine = Engine(tmp_path_factory.mktemp("pooling") / "vllm.log", "--runner", "pooling")
    try:
        engine.ensure()
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="module")
def pooling(pooler: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with gate(tmp_path_factory.mktemp("gateway"), pooler.url) as found:
        yield found


def test_answers_through_the_gateway_are_the_engines_own(pooler: Engine, pooling: Gate) -> None:
    with httpx.Client(base_url=pooler.url, timeout=120) as direct:
        found = compared(pooling_calls(1, COUNT), direct, pooling.client)

    print(found)  # noqa: T201 -- how often each intended difference was seen
    assert found.alike > COUNT // 2
    assert found.different == []


@pytest.mark.parametrize("form", ["float", "base64"])
def test_texts_become_vectors_and_are_counted(pooling: Gate, form: str) -> None:
    before = pooling.metric("tokens_total", type="input")

    told = pooling.openai.embeddings.create(
        model="tiny", input=["hello world", "the model"], encoding_format=form
    )

    assert [one.index for one in told.data] == [0, 1]
    assert all(one.embedding for one in told.data)
    assert pooling.metric("tokens_total", type="input") - before == told.usage.prompt_tokens


def test_texts_are_pooled_and_compared(pooling: Gate) -> None:
    pooled = pooling.post("/pooling", {"model": "tiny", "input": "hello"})
    scores = {
        path: pooling.post(path, {"model": "tiny", "text_1": "the model", "text_2": ["the", "a"]})
        for path in ("/score", "/v1/score")
    }
    ranks = {
        path: pooling.post(path, {"model": "tiny", "query": "the", "documents": ["a", "the"]})
        for path in ("/rerank", "/v1/rerank", "/v2/rerank")
    }

    assert pooled.json()["data"][0]["data"]
    assert [len(told.json()["data"]) for told in scores.values()] == [2, 2]
    assert [len(told.json()["results"]) for told in ranks.values()] == [2, 2, 2]


def test_too_long_a_text_is_refused(pooling: Gate) -> None:
    refused = pooling.post("/v1/embeddings", {"model": "tiny", "input": "the model " * 8000})

    assert refused.status_code == 400
    assert "12288" in refused.json()["error"]["message"]


def test_what_generates_is_refused(pooling: Gate) -> None:
    refused = pooling.post("/v1/completions", {"model": "tiny", "prompt": "hi"})

    assert refused.status_code == 404
    assert refused.json()["error"]["code"]
