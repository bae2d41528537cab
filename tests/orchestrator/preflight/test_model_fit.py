"""Does the model run on what is asked for: each answer with numbers and a remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from orchestrator.aws import internet
from orchestrator.aws.internet import Document, Unreachable
from orchestrator.deployments import lifecycle
from orchestrator.errors import InvalidRequest
from orchestrator.preflight import model_fit, specification
from orchestrator.spec.parsing import parse

MODELS = json.loads((Path(__file__).parents[1] / "capacity/models.json").read_text())["models"]
LLAMA = MODELS["meta-llama/Llama-3.1-8B-Instruct"]["config"]


def checks(workflow, config=LLAMA, sequences=1, **changes):
    deployment = parse({**workflow.spec, "model": "owner/name", **changes})
    known = specification.described(workflow.clients, deployment)
    model = model_fit.look_up(workflow.clients, deployment, config)
    types = [each for each in known.values() if each]
    return model_fit.checks(workflow.clients, deployment, types, model, sequences)


def of(name, found):
    [check] = [check for check in found if check.name == name]
    return check


def hub(status, body=b""):
    def fetch(url):
        if url != "https://huggingface.co/owner/name/resolve/main/config.json":
            raise Unreachable(url)
        return Document(status, body)

    return fetch


def test_a_model_that_fits_says_how_much_room_there_is(workflow):
    check = of("model", checks(workflow, engine={"max_model_len": 8192}))

    assert str(check.result) == "pass"
    assert "g6.xlarge offers " in check.found
    assert "weights 15.0, cache for 1 x 8192 tokens, work space 2" in check.needed


def test_a_context_that_is_too_long_names_the_longest_and_the_cheapest_that_fits(workflow):
    check = of("model", checks(workflow))

    assert str(check.result) == "fail"
    assert "1 x 131072 tokens" in check.needed
    longest = int(check.remedy.split("at most ")[1].split(",")[0])
    assert str(of("model", checks(workflow, engine={"max_model_len": longest})).result) == "pass"
    a_bit_longer = of("model", checks(workflow, engine={"max_model_len": longest + 1}))
    assert str(a_bit_longer.result) == "warn"
    assert f"it may just fit; set engine.max_model_len to at most {longest}" in a_bit_longer.remedy
    a_gib_longer = longest + 8192
    assert (
        str(of("model", checks(workflow, engine={"max_model_len": a_gib_longer})).result) == "warn"
    )
    too_long = checks(workflow, engine={"max_model_len": a_gib_longer + 1})
    assert str(of("model", too_long).result) == "fail"
    assert "the cheapest that fits, g6e.xlarge ($1.86 an hour)" in check.remedy


def test_weights_that_are_too_large_ask_for_a_larger_type(workflow):
    found = checks(workflow, MODELS["meta-llama/Llama-3.3-70B-Instruct"]["config"])

    assert (
        "choose a larger type, or a quantised model, or the cheapest" in of("model", found).remedy
    )


def test_wanted_sequences_that_do_not_fit_are_a_warning(workflow):
    check = of("model", checks(workflow, sequences=64, engine={"max_model_len": 8192}))

    assert str(check.result) == "warn"
    assert "tokens at a time fit for each of 64" in check.remedy


def test_a_smaller_cache_type_makes_room(workflow):
    halved = {"max_model_len": 40000, "arguments": ["--kv-cache-dtype", "fp8"]}

    assert str(of("model", checks(workflow, engine={"max_model_len": 40000})).result) == "fail"
    assert str(of("model", checks(workflow, engine=halved)).result) == "pass"


@pytest.mark.parametrize("flag", ["--quantization=fp8", "--cpu-offload-gb=4"])
def test_a_flag_that_changes_the_need_makes_it_unknown(workflow, flag):
    [check] = checks(workflow, engine={"arguments": [flag]})

    assert str(check.result) == "unknown"
    assert check.found.startswith(flag.split("=")[0])


def test_a_size_that_does_not_divide_the_heads_is_refused(workflow):
    found = checks(workflow, instance={"type": "g6.12xlarge"}, engine={"tensor_parallel_size": 3})

    check = of("engine.tensor_parallel_size", found)
    assert str(check) == (
        "engine.tensor_parallel_size: 3 does not divide the model's 32 attention heads; "
        "needed: one of 1, 2, 4, 8, 16; choose another"
    )


@pytest.mark.parametrize(
    ("gib", "model", "result"),
    [
        (100, "meta-llama/Llama-3.3-70B-Instruct", "fail"),
        (150, "meta-llama/Llama-3.3-70B-Instruct", "warn"),
        (150, "meta-llama/Llama-3.1-8B-Instruct", "pass"),
    ],
)
def test_the_disk_has_to_hold_the_weights(workflow, gib, model, result):
    found = checks(workflow, MODELS[model]["config"], instance={"root_volume_gib": gib})

    assert str(of("instance.root_volume_gib", found).result) == result


def test_a_model_whose_size_is_not_in_its_config_is_unknown_with_what_to_do(workflow):
    [check] = checks(workflow, {**LLAMA, "kv_lora_rank": 512})

    assert str(check.result) == "unknown"
    assert "multi-head latent attention" in check.found
    assert check.remedy == "give its config.json with `lamplighter plan --model-config FILE`"


def test_what_is_not_counted_leaves_a_model_that_seems_to_fit_unknown(workflow):
    config = {"text_config": LLAMA, "vision_config": {"hidden_size": 1152}}

    check = of("model", checks(workflow, config, engine={"max_model_len": 8192}))

    assert str(check.result) == "unknown"
    assert check.remedy.startswith("its vision encoder is not counted")


def test_without_an_engine_there_is_nothing_to_fit(workflow):
    spec = {"gpu": False, "type": "t3.large"}

    assert checks(workflow, instance=spec) == []


def test_the_hub_is_asked_where_no_config_is_given(workflow):
    workflow.clients.fetch = hub(200, json.dumps(LLAMA).encode())

    found = checks(workflow, None, engine={"max_model_len": 8192})

    assert str(of("model", found).result) == "pass"


@pytest.mark.parametrize(
    ("status", "body", "token", "result", "sentence"),
    [
        (401, b"", None, "fail", "without a token (HTTP 401); needed: a model that the host can"),
        (403, b"", "/inference/hf", "unknown", "without a token (HTTP 403); give its config.json"),
        (404, b"", None, "unknown", "owner/name has no config.json at revision 'main'"),
        (503, b"", None, "unknown", "the hub answers HTTP 503"),
        (200, b"<html>", None, "unknown", "is not JSON"),
        (200, b"[]", None, "unknown", "is not a mapping"),
        (200, b"[" * 100_000, None, "unknown", "is not JSON"),
    ],
)
def test_what_the_hub_does_not_show_is_no_silent_pass(
    workflow, status, body, token, result, sentence
):
    workflow.clients.fetch = hub(status, body)

    [check] = checks(workflow, None, engine={"hf_token_parameter": token})

    assert str(check.result) == result
    assert sentence in str(check)


def test_no_internet_is_unknown_and_keeps_no_one_from_provisioning(workflow):
    [check] = checks(workflow, None)

    assert str(check.result) == "unknown"
    answer = lifecycle.validate(workflow.clients, workflow.deployment, workflow.ledger)
    assert answer == {"name": "demo", "live": False}


def test_up_refuses_a_model_that_cannot_fit(workflow):
    large = MODELS["meta-llama/Llama-3.3-70B-Instruct"]["config"]
    workflow.clients.fetch = hub(200, json.dumps(large).encode())
    deployment = parse({**workflow.spec, "model": "owner/name"})

    with pytest.raises(
        InvalidRequest, match=r"model: g6\.xlarge offers .* GiB per GPU, .*; needed: "
    ):
        lifecycle.validate(workflow.clients, deployment, workflow.ledger)


def test_a_path_on_the_instance_is_never_asked_for(workflow):
    def fetch(url):
        raise AssertionError(url)

    workflow.clients.fetch = fetch
    [check] = checks(workflow, None, model="/models/mine")

    assert "is a path on the instance" in check.found


def test_the_twin_has_no_internet(monkeypatch):
    monkeypatch.setenv("LAMPLIGHTER_ORIGINS", "/nowhere.json")

    with pytest.raises(Unreachable, match="the local twin has no internet"):
        internet.fetch("https://huggingface.co/m/resolve/main/config.json")
