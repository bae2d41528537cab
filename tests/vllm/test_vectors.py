"""Embeddings: the same model, served by a vLLM for pooling. Runs last, in the other's place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from vllmlab.engine import Engine
from vllmlab.gate import Gate, gate


@pytest.fixture(scope="module")
def pooling(lab: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    lab.stop()
    folder = tmp_path_factory.mktemp("pooling")
    engine = Engine(folder / "vllm.log", "--runner", "pooling")
    try:
        engine.ensure()
        with gate(folder, engine.url) as found:
            yield found
    finally:
        engine.stop()


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
