"""Will a model fit: the formula's own properties, and the cheapest machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as any_of
from orchestrator.capacity import fit, prices
from orchestrator.capacity.fit import Wish
from orchestrator.capacity.model import Model

QWEN_7B = Model(
    parameters=7_615_487_488,
    weight_bytes=15_230_974_976,
    heads=28,
    kv_heads=4,
    head_size=128,
    layers=28,
    sliding=0,
    window=0,
    context=32768,
)
SMALL, LARGE = 22.35, 79.6  # GiB of an L4 and of an H100
models = any_of.builds(
    Model,
    parameters=any_of.just(1),
    weight_bytes=any_of.floats(1e8, 2e11),
    heads=any_of.just(64),
    kv_heads=any_of.sampled_from([1, 2, 4, 8, 64]),
    head_size=any_of.sampled_from([64, 128]),
    layers=any_of.integers(24, 96),
    sliding=any_of.integers(0, 24),
    window=any_of.integers(64, 4096),
    context=any_of.integers(128, 131072),
)
wishes = any_of.builds(
    Wish,
    context=any_of.integers(1, 131072),
    sequences=any_of.integers(1, 64),
    utilization=any_of.floats(0.5, 0.98),
    tensor=any_of.sampled_from([1, 2, 4, 8]),
    pipeline=any_of.sampled_from([1, 2]),
)
# A busy machine is no reason to fail.
briefly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_the_need_is_weights_and_cache_and_work_space():
    wish = Wish(context=10_000, sequences=4, tensor=2)

    cache = 2 * 28 * 4 * 128 * 2 * 10_000 * 4 / 2**30 / 2
    expected = QWEN_7B.weight_bytes / 2**30 / 2 + cache + fit.WORK_SPACE_GIB
    assert fit.need_gib(QWEN_7B, wish) == pytest.approx(expected)


def test_more_gpus_than_key_value_heads_hold_copies_of_the_cache():
    model = replace(QWEN_7B, weight_bytes=0)
    four, eight = (fit.need_gib(model, Wish(context=1000, tensor=size)) for size in (4, 8))

    assert four == eight


@briefly
@given(models, wishes)
def test_a_longer_context_and_more_sequences_never_need_less(model, wish):
    need = fit.need_gib(model, wish)

    assert fit.need_gib(model, replace(wish, context=wish.context + 1)) >= need
    assert fit.need_gib(model, replace(wish, sequences=wish.sequences + 1)) >= need


@briefly
@given(models, wishes)
def test_more_gpus_never_need_more_of_each(model, wish):
    need = fit.need_gib(model, wish)

    assert fit.need_gib(model, replace(wish, tensor=2 * wish.tensor)) <= need
    assert fit.need_gib(model, replace(wish, pipeline=2 * wish.pipeline)) <= need


@briefly
@given(models, wishes, any_of.floats(8, 192))
def test_the_longest_context_fits_and_the_next_token_does_not(model, wish, gpu_gib):
    longest = fit.longest_context(model, wish, gpu_gib)

    assert longest == 0 or fit.fits(model, replace(wish, context=longest), gpu_gib * (1 + 1e-9))
    after = replace(wish, context=longest + 1)
    assert longest == model.context or not fit.fits(model, after, gpu_gib * (1 - 1e-9))


def test_a_larger_gpu_holds_a_longer_context():
    wish = Wish(context=1, sequences=8)

    short, long = (fit.longest_context(QWEN_7B, wish, gib) for gib in (SMALL, LARGE))

    assert 0 < short < long == QWEN_7B.context


@pytest.mark.parametrize(
    ("context", "sequences", "expected"),
    [(8192, 1, ("g6.xlarge", 1)), (32768, 16, ("g7e.2xlarge", 1)), (32768, 1000, None)],
)
def test_the_cheapest_type_that_fits_is_found(context, sequences, expected):
    found = fit.cheapest(QWEN_7B, Wish(context, sequences), prices.offers("us-east-1"))

    assert (found and (found[0].type, found[1])) == expected


@briefly
@given(models, wishes)
def test_nothing_cheaper_would_have_fitted(model, wish):
    offers = prices.offers("us-east-1")
    found = fit.cheapest(model, wish, offers)
    limit = found[0].usd if found else float("inf")

    for offer in (each for each in offers if each.usd < limit):
        for size in fit.divisors(model.heads, offer.gpus):
            split = replace(wish, tensor=size, pipeline=1)
            assert not fit.fits(model, split, offer.gpu_gib * fit.USABLE)


def test_tensor_parallel_sizes_split_the_heads_evenly():
    assert fit.divisors(28, 8) == [1, 2, 4, 7]
