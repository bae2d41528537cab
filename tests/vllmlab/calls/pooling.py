"""Requests for an engine that pools."""

from __future__ import annotations

import random

from vllmlab.calls.call import COMPLETIONS, Call, Family, post, text


def vectors(chance: random.Random) -> Call:
    texts = chance.choice((text(chance), [text(chance), text(chance)], [5, 6, 7], [[5], [6]]))
    more = chance.choice(({}, {"encoding_format": "base64"}, {"dimensions": "8"}, {"user": 5}))
    return post("/v1/embeddings", {"input": texts}, **more)


def pooled(chance: random.Random) -> Call:
    pairs = {"text_1": text(chance), "text_2": [text(chance), text(chance)]}
    ranked = {"query": text(chance), "documents": [text(chance)], "top_n": "1"}
    return chance.choice((
        post("/pooling", {"input": text(chance)}), post("/score", pairs),
        post("/v1/score", pairs), post("/v1/rerank", ranked), post("/rerank", ranked),
        post("/v2/rerank", ranked), post("/classify", {"input": "x"}),
        post("/v2/embed", {"texts": [text(chance)], "input_type": "x"}),
    ))  # fmt: skip


def wrong_vectors(chance: random.Random) -> Call:
    return chance.choice((
        post("/v1/embeddings", {}), post("/v1/embeddings", {"input": "the model " * 8000}),
        post("/v1/embeddings", {"input": "x", "max_tokens": "none"}),
        post("/v1/embeddings", {"input": "x", "encoding_format": "x"}),
        post("/score", {"text_1": "a"}), post("/rerank", {"query": "x"}),
        post(COMPLETIONS, {"prompt": "x"}), post("/v1/embeddings", {"model": "no", "input": "x"}),
    ))  # fmt: skip


FAMILIES: tuple[Family, ...] = (vectors, vectors, pooled, pooled, wrong_vectors)
