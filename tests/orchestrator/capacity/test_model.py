"""A model's size from its config.json: against what vendors publish, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as any_of
from orchestrator.capacity.model import describe
from orchestrator.capacity.quantisation import Incomputable

MODELS: dict[str, Any] = json.loads(Path(__file__).with_name("models.json").read_text())["models"]
LLAMA = MODELS["meta-llama/Llama-3.1-8B-Instruct"]["config"]
MIXTRAL = MODELS["mistralai/Mixtral-8x7B-Instruct-v0.1"]["config"]
GPT_OSS = MODELS["openai/gpt-oss-20b"]["config"]

KEYS = [
    *GPT_OSS, "text_config", "vision_config", "use_sliding_window", "sliding_window_pattern",
    "moe_intermediate_size", "first_k_dense_replace", "mlp_only_layers", "decoder_sparse_step",
]  # fmt: skip
values = any_of.recursive(
    any_of.none() | any_of.booleans() | any_of.integers() | any_of.floats() | any_of.text(),
    lambda inner: any_of.lists(inner) | any_of.dictionaries(any_of.text(), inner),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_of.dictionaries(any_of.sampled_from(KEYS), values, max_size=4))
def test_any_file_is_a_model_or_a_sentence(changes):
    try:
        model = describe({**GPT_OSS, **changes})
    except Incomputable:
        return
    assert model.weight_bytes > 0
    assert model.cache_bytes(1000) >= model.cache_bytes(1) > 0


@pytest.mark.parametrize("name", MODELS)
def test_the_weights_are_what_the_vendor_publishes(name):
    published, config = MODELS[name]["bytes"], MODELS[name]["config"]

    assert describe(config).weight_bytes == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.49),
        ("Qwen/Qwen2.5-7B-Instruct", 7.62),
        ("meta-llama/Llama-3.1-8B-Instruct", 8.03),
        ("Qwen/Qwen2.5-32B-Instruct-AWQ", 32.8),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 46.7),
        ("Qwen/Qwen3-30B-A3B", 30.5),
        ("openai/gpt-oss-20b", 20.9),
        ("meta-llama/Llama-3.3-70B-Instruct", 70.6),
    ],
)
def test_the_parameters_are_what_the_vendor_publishes(name, billions):
    assert describe(MODELS[name]["config"]).parameters / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize(
    ("quantised", "bits"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 8),
        ({"quant_method": "fp8"}, 8),
        ({"quant_method": "mxfp4"}, 4.25),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4.5),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4.5),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "group_size": None}}},
                "ignore": ["lm_head"],
            },
            8,
        ),
    ],
)
def test_quantised_layers_take_the_bits_of_their_method(quantised, bits):
    plain = describe(LLAMA)
    embeddings = 2 * 128256 * 4096

    small = describe({**LLAMA, "quantization_config": quantised})

    layers = plain.parameters - embeddings
    assert small.weight_bytes == pytest.approx(2 * embeddings + layers * bits / 8)


def test_attention_that_is_not_quantised_keeps_its_size():
    without = {**GPT_OSS, "quantization_config": {"quant_method": "mxfp4"}}

    assert describe(without).weight_bytes < describe(GPT_OSS).weight_bytes


def test_a_layer_with_a_window_keeps_no_more_than_the_window():
    model = describe(GPT_OSS)
    per_layer = 2 * 8 * 64 * 2

    assert model.cache_bytes(128) == 24 * per_layer * 128
    assert model.cache_bytes(1000) == per_layer * (12 * 1000 + 12 * 128)


@pytest.mark.parametrize(
    ("changes", "sliding"),
    [
        ({"sliding_window": 4096}, 0),  # which layers it does not say: an upper bound
        ({"sliding_window": 4096, "use_sliding_window": False, "sliding_window_pattern": 4}, 0),
        ({"sliding_window": 4096, "sliding_window_pattern": 4}, 24),
    ],
)
def test_windows_count_only_where_the_config_names_their_layers(changes, sliding):
    assert describe({**LLAMA, **changes}).sliding == sliding


def test_shared_experts_dense_layers_and_routers_are_counted():
    config = {
        **MIXTRAL,
        "moe_intermediate_size": 1000,
        "first_k_dense_replace": 2,
        "n_shared_experts": 1,
    }
    dense, sparse = 3 * 4096 * 14336, 3 * 4096 * 1000 * (8 + 1) + 4096 * 8
    attention = 2 * 4096 * 128 * (32 + 8)

    expected = 2 * 32000 * 4096 + 32 * attention + 2 * dense + 30 * sparse
    assert describe(config).parameters == expected


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kv_lora_rank": 512}, "multi-head latent attention"),
        ({"layer_types": ["linear_attention"] * 32}, "layers of linear_attention"),
        ({"hidden_size": None}, "no number hidden_size"),
        ({"num_hidden_layers": "32"}, "no number num_hidden_layers"),
        ({"quantization_config": {"quant_method": "aqlm"}}, "quantised by aqlm"),
        ({"quantization_config": {"bits": 4}}, "an unnamed method"),
        ({"num_hidden_layers": 10**7, "num_experts": 8}, "it has 10000000 layers"),
        ({"num_experts": 8, "n_shared_experts": float("inf")}, "its form is not understood"),
    ],
)
def test_what_cannot_be_computed_is_said(changes, sentence):
    with pytest.raises(Incomputable, match=sentence):
        describe({**LLAMA, **changes})


def test_more_dense_layers_than_there_are_cost_nothing():
    few, many = ({"num_experts": 8, "first_k_dense_replace": n} for n in (32, 10**15))

    assert describe({**LLAMA, **many}) == describe({**LLAMA, **few})


def test_the_text_part_of_a_model_that_sees_is_counted_and_the_rest_is_named():
    config = {"model_type": "gemma3", "text_config": LLAMA, "vision_config": {"hidden_size": 1152}}

    model = describe(config)

    assert (model.parameters, model.uncounted) == (describe(LLAMA).parameters, "vision encoder")
