"""The specification: what is accepted, and what a refusal says."""

from __future__ import annotations

import re

import pytest
from orchestrator.errors import InvalidRequest
from orchestrator.spec.engine import DEFAULT_ENGINE_IMAGE
from orchestrator.spec.parsing import parse

MINIMAL = {"name": "prod", "model": "Qwen/Qwen2.5-7B-Instruct"}


def test_name_and_model_are_enough():
    deployment = parse(MINIMAL)

    assert deployment.instance.type == "g6.xlarge"
    assert deployment.gateway.max_timeout_seconds == 600
    assert deployment.host is None


def test_the_engine_runs_where_it_is_asked_to():
    cpu = {"instance": {"gpu": False}, "engine": {"on_cpu": True, "image": "mine/vllm-cpu:1"}}

    kinds = [
        parse({**MINIMAL, **wanted}).engine_kind
        for wanted in ({}, {"instance": {"gpu": False}}, cpu)
    ]

    assert kinds == ["gpu", "none", "cpu"]


def test_a_document_survives_the_round_trip():
    deployment = parse({**MINIMAL, "tags": {"team": "ml"}, "dns": {"domain": "a.dev"}})

    assert parse(deployment.document()) == deployment
    assert deployment.host == "infer.a.dev"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"nmae": "x"}, "nmae: unknown key; did you mean 'name'?"),
        ({"instance": {"tpye": "g6.xlarge"}}, "instance.tpye: unknown key; did you mean 'type'?"),
        ({"name": "Prod!"}, "name: 'Prod!' is not allowed"),
        ({"name": "p" * 25}, "3 to 24 characters"),
        ({"model": "a b"}, "model: 'a b' is not allowed"),
        ({"model": "m\nEVIL=1"}, "model: 'm\\nEVIL=1' is not allowed"),
        (
            {"instance": {"gpu": "yes"}},
            "'yes' is not allowed; allowed: true or false, without quotes",
        ),
        ({"instance": {"root_volume_gib": 5}}, "allowed: integer from 30 to 16384"),
        ({"instance": {"root_volume_gib": True}}, "instance.root_volume_gib: true is not allowed"),
        (
            {"network": {"cidr": "10.0.0.0/33"}},
            "'10.0.0.0/33' is not allowed; it is not an IPv4 range",
        ),
        (
            {"network": {"cidr": "10.0.0.1/16"}},
            "network.cidr: '10.0.0.1/16' is not allowed; write 10.0.0.0/16",
        ),
        ({"network": {"cidr": "8.8.0.0/16"}}, "private IPv4 range of the VPC, /16 to /20"),
        ({"network": {"allowed_cidrs": ["here"]}}, "network.allowed_cidrs[0]: 'here' is not"),
        ({"network": {"allowed_cidrs": []}}, "allowed: list of 1 to 25 items"),
        ({"network": {"cidr": "127.0.0.0/16"}}, "private IPv4 range of the VPC, /16 to /20"),
        ({"network": {"cidr": "172.17.0.0/16"}}, "overlaps 172.17.0.0/16, which Docker uses"),
        ({"network": {"cidr": "10.0.0.0/255.255.0.0"}}, "write 10.0.0.0/16"),
        ({"network": {"allowed_cidrs": ["203.0.113.7"]}}, "write 203.0.113.7/32"),
        ({"network": {"nat": "double"}}, "allowed: none, single"),
        ({"dns": {"domain": "no spaces.dev"}}, "dns.domain: 'no spaces.dev' is not allowed"),
        ({"dns": {"zone_id": "Z123"}}, "dns.zone_id: given without dns.domain"),
        ({"gateway": {"port": 8000}}, "gateway.port: 8000 is engine.port too"),
        ({"gateway": {"max_timeout_seconds": 10}}, "smaller than gateway.default_timeout_seconds"),
        ({"network": {"nat": None}}, "network.nat: null is not allowed; allowed: none, single"),
        ({"network": {"allowed_cidrs": ["10.0.0.0/8"] * 2}}, "[1]: '10.0.0.0/8' is there twice"),
        ({"network": {"allowed_cidrs": ["10.0.0.1/8"]}}, "as AWS writes it; write 10.0.0.0/8"),
        (
            {"instance": 7},
            "instance: must be a mapping of keys to values, not 7; leave it out, or give it",
        ),
        ({"name": True}, "name: true is a boolean, as YAML reads yes, no, on and off too; if it"),
        ({"name": 123}, "name: 123 is a number; if it is text, put it in quotes"),
        ({"name": "My Model"}, "name: 'My Model' is not allowed; write my-model"),
        ({"tags": {"a*b": "y"}}, "tags.'a*b': this key is not allowed; allowed: text (1 to 128"),
        ({"tags": {"Name": "y"}}, "Name, aws:... and lamplighter:... are set for you"),
        ({"tags": {"team": "a", "Team": "b"}}, "differs from 'Team' only in case; keep one"),
        ({"tags": {"LAMPLIGHTER:role": "y"}}, "tags.LAMPLIGHTER:role: this key is not allowed"),
        ({"model": "https://huggingface.co/Qwen/Qwen3-8B/tree/main"}, "write Qwen/Qwen3-8B"),
        ({"model": "huggingface.co/Qwen/Qwen3-8B"}, "write Qwen/Qwen3-8B"),
        ({"model": "s3://bucket/model"}, "write the id that its page on huggingface.co shows"),
        ({"model": "Qwen/Qwen3/8B"}, "allowed: text of at most 200 characters (Hugging Face model"),
        ({"model": "-Qwen/Qwen3"}, "model: '-Qwen/Qwen3' is not allowed"),
        ({"model": "Qwen/../Qwen3"}, "model: 'Qwen/../Qwen3' is not allowed"),
        ({"model": "/srv/../etc"}, "model: '/srv/../etc' is not allowed"),
        ({"engine": {"tool_call_parser": "hermse"}}, "no parser 'hermse'; did you mean hermes?"),
        ({"engine": {"tool_call_parser": "zz"}}, "no parser 'zz'; allowed: apertus, "),
        ({"dns": {"subdomain": "llm"}}, "dns.subdomain: given without dns.domain; name the domain"),
        ({"max_model_len": 4096}, "max_model_len: unknown key here; write it under engine"),
        ({"port": 1}, "port: unknown key here; write it under engine or gateway"),
        ({"region": "x"}, "known: name, model"),
        ({"engine": None}, "not null; leave it out, or give it some of: on_cpu, image"),
        ({"network": {"cidr": "10.0.0.0"}}, "network.cidr: '10.0.0.0' is not allowed; allowed:"),
        ({"network": {"allowed_cidrs": "x"}}, "anyway), e.g. ['203.0.113.0/24']"),
        ({"dns": {"domain": "https://Example.com/"}}, "write example.com"),
        ({"instance": {"type": "G6.xlarge"}}, "write g6.xlarge"),
        ({"instance": {"market": "Spot"}}, "write spot"),
        (
            {"instance": {"type": "g5.xlarge", "types": ["g6.xlarge"]}},
            "instance.type: given beside instance.types; move g5.xlarge into that list",
        ),
        ({"instance": {"types": ["g6"]}}, "instance.types[0]: 'g6' is not allowed"),
        ({"instance": {"types": ["g6.xlarge"] * 2}}, "[1]: 'g6.xlarge' is there twice"),
        ({"instance": {"zones": ["use1-az1"]}}, "instance.zones[0]: 'use1-az1' is not allowed"),
        ({"instance": {"zones": ["us-west-2-lax-1a"]}}, "e.g. us-east-1a"),
        (
            {"instance": {"market": "capacity-block"}},
            "instance.capacity_reservation: missing; market 'capacity-block' launches into it",
        ),
        ({"instance": {"wait_minutes": -1}}, "allowed: integer from 0 to 1440"),
        ({"instance": {"repair_wait_hours": 73}}, "allowed: integer from 0 to 72"),
        ({"email": "me"}, "e.g. ops@example.com"),
        ({"budget": {"monthly_usd": 0}}, "allowed: number or null from 1 to 1000000"),
        ({"budget": {"monthly_usd": -5}}, "budget.monthly_usd: -5 is not allowed"),
        ({"budget": {"monthly_usd": "$500"}}, "one at 100 %), e.g. 500"),
        ({"budget": {"monthly_usd": True}}, "budget.monthly_usd: true is not allowed"),
        ({"budget": {"monthly_usd": float("inf")}}, "budget.monthly_usd: inf is not allowed"),
        ({"budget": {"monthly_usd": float("nan")}}, "budget.monthly_usd: nan is not allowed"),
        ({"budget": {"monthly": 500}}, "budget.monthly: unknown key; did you mean 'monthly_usd'?"),
        ({"budget": 500}, "must be a mapping of keys to values, not 500; leave it out, or give it"),
        ({"monthly_usd": 500}, "monthly_usd: unknown key here; write it under budget"),
        ({"tags": {"aws:x": "y"}}, "tags.aws:x: this key is not allowed"),
        ({"tags": {"a": "$(id)"}}, "tags.a: '$(id)' is not allowed"),
        ({"engine": {"image": "vllm"}}, "engine.image: 'vllm' is not allowed"),
        ({"engine": None}, "engine: must be a mapping"),
        ({"engine": {"on_cpu": True}}, "engine.on_cpu: instance.gpu is true; set it to false"),
        (
            {"engine": {"on_cpu": True}, "instance": {"gpu": False}},
            f"engine.image: {DEFAULT_ENGINE_IMAGE} needs a GPU",
        ),
        (
            {"certificate": {"challenge": "own"}, "dns": {"domain": "a.dev"}},
            "certificate.own_parameter: missing",
        ),
        ({"certificate": {"own_parameter": "/inference/tls"}}, "set challenge to 'own'"),
        ({"certificate": {"own_parameter": "/else/tls"}}, "'/else/tls' is not allowed"),
        ({"certificate": {"challenge": "http-01"}}, "set dns.domain too"),
        (
            {"certificate": {"challenge": "tls-alpn-01"}},
            "allowed: dns-01, http-01, own, self-signed",
        ),
        ({"certificate": {"directory": "http://ca"}}, "certificate.directory: 'http://ca' is not"),
        (
            {
                "certificate": {"challenge": "http-01"},
                "dns": {"domain": "a.dev"},
                "network": {"allowed_cidrs": ["203.0.113.0/24"]},
            },
            "'http-01' needs port 80 open to every address",
        ),
    ],
)
def test_a_wrong_key_is_reported_with_its_path(wrong, sentence):
    with pytest.raises(InvalidRequest) as refusal:
        parse({**MINIMAL, **wrong})

    assert sentence in str(refusal.value)


def problems(document):
    with pytest.raises(InvalidRequest) as refusal:
        parse(document)
    return str(refusal.value).splitlines()


def test_every_problem_is_named_at_once():
    lines = problems(
        {
            "model": 7,
            "engine": "vllm",
            "network": {"zones": 9, "zoned": 1},
            "gateway": {"port": 8000, "default_timeout_seconds": 700},
            "dns": {"zone_id": "Z123", "ttl_seconds": None},
        }
    )

    assert [line.split(":")[0] for line in lines] == [
        "name",
        "model",
        "dns.ttl_seconds",
        "network.zoned",
        "network.zones",
        "engine",
        "dns.zone_id",
        "gateway.max_timeout_seconds",
    ]


def test_a_contradiction_is_not_derived_from_a_value_that_is_wrong_itself():
    [line] = problems({**MINIMAL, "engine": {"port": "x"}, "gateway": {"port": 8000}})

    assert line.startswith("engine.port: 'x' is not allowed")


def test_another_image_may_have_another_tool_parser():
    engine = {"image": "mine/vllm:1", "tool_call_parser": "mine"}

    assert parse({**MINIMAL, "engine": engine}).engine.tool_call_parser == "mine"


def test_a_whole_number_may_be_written_as_a_float():
    assert parse({**MINIMAL, "network": {"zones": 2.0}}) == parse(MINIMAL)


SECRETS = {
    "a Hugging Face token": "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ",
    "a key of ours": "sk-alice-0123456789",
    "an AWS key id": "AKIAABCDEFGHIJKLMNOP",
    "an AWS secret key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "a random word": "q8Zr2LkX0vTnB5mYc7WdHs4JpGf6Ae1U",
    "hex digits": "9f86d081884c7d659a2feaa0c55ad015",
    "a GitHub token": "ghp_0123456789abcdefABCDEF",
    "a password in an address": "https://me:hunter2@hub",
    "a bearer": "Bearer abcdefgh12345678",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize(
    "place",
    [
        lambda secret: {"engine": {"hf_token_parameter": secret}},
        lambda secret: {"engine": {"hf_token_parameter": f"/inference/{secret}!"}},
        lambda secret: {"certificate": {"own_parameter": secret}},
        lambda secret: {"email": secret},
        lambda secret: {"name": f"{secret}!"},
        lambda secret: {"dns": {"domain": secret}},
        lambda secret: {"engine": {"tool_call_parser": secret.lower()}},
        lambda secret: {"model": f"{secret}!"},
        lambda secret: {"network": {"allowed_cidrs": [secret]}},
        lambda secret: {"tags": {"a": f"{secret}!"}},
        lambda secret: {"tags": {f"{secret}!": "a"}},
        lambda secret: {secret: 1},
        lambda secret: {"engine": {secret: 1}},
        lambda secret: {"engine": secret},
    ],
    ids=["token", "path", "certificate", "email", "name", "domain", "parser", "model", "item",
         "tag", "tag key", "key", "inner key", "section"],
)  # fmt: skip
def test_a_secret_in_the_wrong_place_is_not_repeated(place, secret):
    sentence = "\n".join(problems({**MINIMAL, **place(secret)}))

    parts = [part for part in re.split(r"[^A-Za-z0-9]+", secret) if len(part) > 6]
    assert [part for part in parts if part in sentence and part not in ("PRIVATE", "hunter2")] == []
    assert "hunter2" not in sentence


def test_a_short_token_is_not_repeated_where_a_parameter_is_to_be_named():
    [line] = problems({**MINIMAL, "engine": {"hf_token_parameter": "s3cret"}})

    assert "s3cret" not in line
    assert "name the SSM parameter that holds the secret, never the secret itself" in line


@pytest.mark.parametrize("place", ["model", "line\nbreak: forged"])
def test_a_long_or_unprintable_value_is_shown_short_and_on_one_line(place):
    [line] = problems({**MINIMAL, place: "\x1b[31m\u202e\ud800" + "x " * 4000})

    assert len(line) < 400
    assert line.isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "/lamplighter/prod/api-key",
        "/lamplighter/other/api-key",
        "/lamplighter/prod/keys/default",
        "/lamplighter/prod/tls",
        "/lamplighter/prod/tls/account",
        "/lamplighter/prod/API-key",
        "/lamplighter/prod/Keys/default",
        "/lamplighter//prod/api-key",
        "/lamplighter/prod//api-key",
        "/lamplighter/prod/./api-key",
        "/lamplighter/prod/x/../api-key",
        "/lamplighter/../lamplighter/prod/api-key",
        "/inference/../lamplighter/prod/api-key",
        "/Lamplighter/prod/api-key",
        "lamplighter/prod/api-key",
        "/lamplighter/other/hf-token",
        "/lamplighter/produce/hf-token",
        "/lamplighter/hf-token",
        "/lamplighter/prod/",
        "/lamplighter/prod/api-key\n",
        "/aws/reference/secretsmanager/db",
    ],
)
@pytest.mark.parametrize("key", ["engine.hf_token_parameter", "certificate.own_parameter"])
def test_a_secret_of_a_deployment_or_of_anybody_else_cannot_be_named(key, name):
    section, option = key.split(".")
    own = {"dns": {"domain": "a.dev"}, "certificate": {"challenge": "own"}}
    document = {**MINIMAL, **own}
    document[section] = {**document.get(section, {}), option: name}

    assert any(line.startswith(f"{key}: ") for line in problems(document))


@pytest.mark.parametrize(
    "name",
    [
        "/inference/hf",
        "/inference/a/keys/b",
        "/lamplighter/prod/hf-token",
        "/lamplighter/prod/x/tls",
    ],
)
def test_a_secret_of_its_own_may_be_named(name):
    document = {
        **MINIMAL,
        "dns": {"domain": "a.dev"},
        "engine": {"hf_token_parameter": name},
        "certificate": {"challenge": "own", "own_parameter": name},
    }

    assert parse(document).certificate.own_parameter == name


def test_a_deeply_nested_document_is_refused():
    document = {}
    for _ in range(5000):
        document = {"tags": document}

    with pytest.raises(InvalidRequest, match="nested too deeply"):
        parse(document)


@pytest.mark.parametrize("document", [None, [], "prod", 7])
def test_something_else_than_a_mapping_is_refused(document):
    with pytest.raises(InvalidRequest, match="must be a mapping"):
        parse(document)


def test_a_huge_specification_is_refused():
    with pytest.raises(InvalidRequest, match="larger than"):
        parse({**MINIMAL, "tags": {"a": "b" * 40_000}})


def test_several_types_stand_for_the_one():
    one = parse(MINIMAL).instance
    several = parse({**MINIMAL, "instance": {"types": ["g6.xlarge", "g5.xlarge"]}}).instance

    assert one.preferred_types == ("g6.xlarge",)
    assert several.preferred_types == ("g6.xlarge", "g5.xlarge")
