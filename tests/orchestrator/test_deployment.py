"""The specification: what is accepted, and what a user is told otherwise."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from orchestrator.deployment import DEFAULT_ENGINE_IMAGE, Deployment, schema
from orchestrator.errors import InvalidRequest

MINIMAL = {"name": "prod", "model": "Qwen/Qwen2.5-7B-Instruct"}


def test_name_and_model_are_enough():
    deployment = Deployment.parse(MINIMAL)

    assert deployment.instance.type == "g6.xlarge"
    assert deployment.gateway.max_timeout_seconds == 600
    assert deployment.host is None


def test_the_engine_runs_where_it_is_asked_to():
    cpu = {"instance": {"gpu": False}, "engine": {"on_cpu": True, "image": "mine/vllm-cpu:1"}}

    kinds = [
        Deployment.parse({**MINIMAL, **wanted}).engine_kind
        for wanted in ({}, {"instance": {"gpu": False}}, cpu)
    ]

    assert kinds == ["gpu", "none", "cpu"]


def test_a_document_survives_the_round_trip():
    deployment = Deployment.parse({**MINIMAL, "tags": {"team": "ml"}, "dns": {"domain": "a.dev"}})

    assert Deployment.parse(deployment.document()) == deployment
    assert deployment.host == "infer.a.dev"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"nmae": "x"}, "nmae: unknown key; did you mean 'name'?"),
        ({"instance": {"tpye": "g6.xlarge"}}, "instance.tpye: unknown key; did you mean 'type'?"),
        ({"name": "Prod!"}, "name: 'Prod!' is not allowed"),
        ({"name": "p" * 25}, "3 to 24 characters"),
        ({"model": "a b"}, "model: 'a b' is not allowed"),
        ({"model": "m\nEVIL=1"}, "model: 'm\\nEVIL=1' is not allowed"),
        ({"instance": {"gpu": "yes"}}, "instance.gpu: 'yes' is not allowed; allowed: boolean"),
        ({"instance": {"root_volume_gib": 5}}, "allowed: integer from 30 to 16384"),
        ({"instance": {"root_volume_gib": True}}, "instance.root_volume_gib: True is not allowed"),
        ({"network": {"cidr": "10.0.0.0/33"}}, "network.cidr: '10.0.0.0/33' is not an IPv4 range"),
        ({"network": {"cidr": "10.0.0.1/16"}}, "network.cidr: '10.0.0.1/16' is not an IPv4 range"),
        ({"network": {"cidr": "8.8.0.0/16"}}, "a private range from /16 to /20"),
        ({"network": {"allowed_cidrs": ["here"]}}, "network.allowed_cidrs[0]: 'here' is not"),
        ({"network": {"allowed_cidrs": []}}, "allowed: array of 1 to 25 items"),
        ({"network": {"cidr": "127.0.0.0/16"}}, "a private range from /16 to /20"),
        ({"network": {"cidr": "172.17.0.0/16"}}, "overlaps 172.17.0.0/16, which Docker uses"),
        ({"network": {"cidr": "10.0.0.0/255.255.0.0"}}, "write 10.0.0.0/16"),
        ({"network": {"allowed_cidrs": ["203.0.113.7"]}}, "write 203.0.113.7/32"),
        ({"network": {"nat": "double"}}, "allowed: none, single"),
        ({"dns": {"domain": "no spaces.dev"}}, "dns.domain: 'no spaces.dev' is not allowed"),
        ({"dns": {"zone_id": "Z123"}}, "dns.zone_id: given without dns.domain"),
        ({"gateway": {"port": 8000}}, "gateway.port: 8000 is engine.port too"),
        ({"gateway": {"max_timeout_seconds": 10}}, "smaller than gateway.default_timeout_seconds"),
        ({"tags": {"aws:x": "y"}}, "tags.aws:x: reserved"),
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
        ({"certificate": {"own_parameter": "/lamplighter/tls"}}, "set challenge to 'own'"),
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
            "'http-01' needs port 80 open to everybody",
        ),
    ],
)
def test_a_wrong_key_is_told_with_its_path(wrong, told):
    with pytest.raises(InvalidRequest) as refusal:
        Deployment.parse({**MINIMAL, **wrong})

    assert told in str(refusal.value)


def test_every_problem_is_told_at_once():
    with pytest.raises(InvalidRequest) as refusal:
        Deployment.parse({"model": 7, "network": {"zones": 9}})

    assert [line.split(":")[0] for line in str(refusal.value).splitlines()] == [
        "name",
        "model",
        "network.zones",
    ]


@pytest.mark.parametrize("document", [None, [], "prod", 7])
def test_something_else_than_a_mapping_is_refused(document):
    with pytest.raises(InvalidRequest, match="must be a mapping"):
        Deployment.parse(document)


def test_a_huge_specification_is_refused():
    with pytest.raises(InvalidRequest, match="larger than"):
        Deployment.parse({**MINIMAL, "tags": {"a": "b" * 40_000}})


def test_the_published_schema_is_the_one_the_parser_follows(root):
    published = json.loads((root / "functions/orchestrator/spec.schema.json").read_text())

    assert published == schema()


@pytest.mark.parametrize("document", [MINIMAL, {"name": "x"}, {**MINIMAL, "instance": {"gpu": 1}}])
def test_editors_and_the_parser_agree(document):
    try:
        Deployment.parse(document)
        accepted = True
    except InvalidRequest:
        accepted = False

    assert Draft202012Validator(schema()).is_valid(document) == accepted
