"""spec.schema.json and the parser agree on every document, apart from the rules that it names."""

from __future__ import annotations

import copy
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from jsonschema import Draft202012Validator
from orchestrator.errors import InvalidRequest
from orchestrator.spec import tool_parsers
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse
from orchestrator.spec.publishing import schema
from orchestrator.spec.rules import RULES
from orchestrator.spec.schema.reading import read

MINIMAL = {"name": "prod", "model": "Qwen/Qwen2.5-7B-Instruct"}
SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)
ZONE = {"time_zone": "Europe/Berlin", "on": [{"start": "08:00", "stop": "20:00"}]}
UNCHECKED = [rule for rule in RULES if rule.schema is None]

quickly = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def documents(described):
    """Documents that fit a schema of objects; hypothesis_jsonschema makes up the leaves."""
    if "properties" in described:
        inner = {name: documents(each) for name, each in described["properties"].items()}
        required = {name: inner.pop(name) for name in described.get("required", [])}
        return st.fixed_dictionaries(required, optional=inner)
    if described["type"] == "object":
        keys, values = described["propertyNames"], described["additionalProperties"]
        return st.dictionaries(from_schema(keys), from_schema(values), max_size=4)
    if "properties" in described.get("items", {}):
        return st.lists(documents(described["items"]), max_size=described["maxItems"])
    return from_schema(described)


WELL_FORMED = documents(SCHEMA)
NEARLY = ("\n", " ", "\u0661", "é", "/", "..", "\x00", "\ud800", "A", "-")
ANYTHING = st.sampled_from([
    None, True, False, 0, 1, 1.0, 2.5, -1, 30.0, 8000, 8080, 10**9, 1e400, "", "x", "1", "yes",
    "infer", "own", "http-01", "0.0.0.0/0", "10.0.0.0/8", "hermes", "vllm/vllm-openai:v1", "a.dev",
    "/inference/x", "/lamplighter/prod/x", "/lamplighter/prod/tls", [], {}, [1], ["x"],
    ["0.0.0.0/0", "0.0.0.0/0"], ["10.0.0.1/8"], ["--port", "1"], ["--seed", "1"],
    {"Name": "x"}, {"a": "x", "A": "x"}, {"a": 1},
]).map(copy.deepcopy)  # fmt: skip


def paths(node, path=()):
    yield path
    for key in node if isinstance(node, dict) else range(len(node)) if type(node) is list else ():
        yield from paths(node[key], (*path, key))


RICH = [
    {
        **MINIMAL,
        "email": "ops@example.com",
        "tags": {"team": "ml", "cost centre": "42"},
        "dns": {"domain": "example.com", "subdomain": "llm", "zone_id": "Z1", "ttl_seconds": 60},
        "network": {
            "cidr": "10.1.0.0/17",
            "zones": 1,
            "allowed_cidrs": ["0.0.0.0/0", "10.0.0.0/8"],
        },
        "certificate": {"challenge": "http-01"},
        "canary": {
            "prompts": [{"prompt": "2 + 2?", "contains": "4", "max_seconds": 5}],
            "max_error_percent": 5,
        },
        "rotation": {
            "every_days": 30,
            "time_zone": "Europe/Berlin",
            "on": [{"start": "03:00", "stop": "05:00", "days": ["sun"]}],
        },
        "schedule": {
            "time_zone": "Europe/Berlin",
            "on": [{"start": "08:00", "stop": "24:00", "days": ["mon", "sun"]}],
        },
    },
    {
        **MINIMAL,
        "dns": {"domain": "a.dev"},
        "certificate": {"challenge": "own", "own_parameter": "/lamplighter/prod/certificate"},
        "engine": {"tool_call_parser": "hermes", "hf_token_parameter": "/inference/token"},
        "gateway": {"port": 8081, "default_timeout_seconds": 10, "max_timeout_seconds": 20},
    },
    {
        "name": "cpu",
        "model": "/srv/models/qwen",
        "on_failure": "keep",
        "instance": {"gpu": False, "type": "c7i.large", "ami": "ami-01234567", "ubuntu": "22.04"},
        "engine": {"on_cpu": True, "image": "mine/vllm-cpu:1", "gpu_memory_utilization": 0.5},
    },
]


@st.composite
def mutated(draw):
    """A good document with one or two changes, some of which it survives."""
    document = {"root": copy.deepcopy(draw(st.sampled_from(RICH)))}
    for _ in range(draw(st.integers(1, 2))):
        *parents, last = draw(st.sampled_from([p for p in paths(document) if p]))
        holder = document
        for key in parents:
            holder = holder[key]
        value = holder[last]
        how = draw(st.sampled_from(["replace", "spoil", "delete", "add"]))
        if how == "delete" and parents:
            del holder[last]
        elif how == "add" and isinstance(value, dict):
            value[draw(st.sampled_from(["x", "port", "Name", "aws:x", "domain", "\n"]))] = draw(
                ANYTHING
            )
        elif how == "spoil" and isinstance(value, str):
            at, extra = draw(st.integers(0, len(value))), draw(st.sampled_from(NEARLY))
            holder[last] = draw(st.sampled_from([value + extra, value[:at] + extra + value[at:]]))
        else:
            holder[last] = draw(ANYTHING)
    return document["root"]


def accepted(document):
    try:
        parse(document)
    except InvalidRequest:
        return False
    return True


def excused(document):
    """Return whether a rule speaks against the document that no schema can say."""
    deployment = read(Deployment, document, "", [])
    return any(list(rule.check(deployment)) for rule in UNCHECKED)


def agree(document):
    valid = VALIDATOR.is_valid(document)
    return valid == accepted(document) or (valid and excused(document))


@settings(quickly, max_examples=60)
@given(WELL_FORMED)
def test_a_document_made_up_from_the_schema_is_accepted(document):
    assert agree(document)


@settings(quickly, max_examples=300)
@given(mutated())
def test_a_document_with_a_mistake_is_judged_alike(document):
    assert agree(document)


CONTRADICTIONS = [
    {"dns": {"zone_id": "Z1"}},
    {"dns": {"zone_id": "Z1", "domain": None}},
    {"dns": {"subdomain": "llm"}},
    {"engine": {"on_cpu": True}},
    {"engine": {"on_cpu": True, "image": "mine/cpu:1"}},
    {"engine": {"on_cpu": True}, "instance": {"gpu": False}},
    {"engine": {"tool_call_parser": "hermse"}},
    {"engine": {"tool_call_parser": "hermse", "image": "vllm/vllm-openai@sha256:0"}},
    {"instance": {"type": "g5.xlarge", "types": ["g6.xlarge"]}},
    {"instance": {"market": "capacity-block"}},
    {"certificate": {"challenge": "own"}, "dns": {"domain": "a.dev"}},
    {"certificate": {"own_parameter": "/inference/x"}, "dns": {"domain": "a.dev"}},
    {"certificate": {"challenge": "own", "own_parameter": "/inference/x"}},
    {"certificate": {"challenge": "http-01"}},
    {
        "certificate": {"challenge": "http-01"},
        "dns": {"domain": "a.dev"},
        "network": {"allowed_cidrs": ["10.0.0.0/8"]},
    },
]


@pytest.mark.parametrize("wrong", CONTRADICTIONS)
def test_an_editor_sees_a_contradiction_too(wrong):
    document = MINIMAL | wrong

    assert not accepted(document)
    assert not VALIDATOR.is_valid(document)


def test_a_wrong_item_hides_no_mistake_of_its_neighbours():
    ranges = ["10.0.0.1/8", "::/0", 7, ["10.0.0.0/8"]]
    tags = {"a": "x", "A": "x", "b": "$", "B": "x", "aws:x": "1", "AWS:x": "1", 7: "x"}

    with pytest.raises(InvalidRequest) as refusal:
        parse(MINIMAL | {"network": {"allowed_cidrs": ranges}, "tags": tags})

    problems = [line.partition(": ") for line in str(refusal.value).splitlines()]
    assert [path for path, _, _ in problems] == [
        *["tags.b", "tags.aws:x", "tags.AWS:x"],
        *[f"network.allowed_cidrs[{number}]" for number in (1, 2, 3)],
        "network.allowed_cidrs[0]",
        *["tags.a", "tags.b"],
    ]
    assert problems[-1][2] == "differs from 'B' only in case; keep one of them"


@pytest.mark.parametrize("wrong", [[1], ["a", "b"], "a", 7, {"a": {1: 2, "b": 3}}])
def test_tags_of_a_wrong_kind_are_refused_once(wrong):
    with pytest.raises(InvalidRequest) as refusal:
        parse(MINIMAL | {"tags": wrong, "network": {"allowed_cidrs": {"a": 1}}})

    paths = [line.split(":")[0] for line in str(refusal.value).splitlines()]
    assert paths == ["tags.a" if isinstance(wrong, dict) else "tags", "network.allowed_cidrs"]


def test_the_rules_that_the_schema_cannot_say_are_these_and_named_in_it():
    broken = [
        {"engine": {"port": 8080}},
        {"gateway": {"max_timeout_seconds": 10}},
        {"gateway": {"aliases": {"a": "b", "b": "c"}}},
        {"gateway": {"jwt": {"issuer": "https://login.example.com/"}}},
        {"gateway": {"filters": [{"name": "inside", "allow": ["10.0.0.1/8"]}]}},
        {"gateway": {"fallbacks": [{"url": "https://a.example.com"}] * 2}},
        {"canary": {"prompts": [{"prompt": "a", "max_seconds": 40}, {"prompt": "b"}]}},
        {"schedule": {**ZONE, "time_zone": "Europe/Nowhere"}},
        {"schedule": {**ZONE, "on": [{"start": "08:00", "stop": "08:00"}]}},
        {"schedule": {**ZONE, "on": [*ZONE["on"], {"start": "19:00", "stop": "21:00"}]}},
        {"schedule": {**ZONE, "on": [{"start": "00:00", "stop": "24:00"}]}},
        {"rotation": {**ZONE, "every_days": 30, "time_zone": "Europe/Nowhere"}},
        {"rotation": {**ZONE, "every_days": 30, "on": [{"start": "03:00", "stop": "03:30"}]}},
        {"engine": {"arguments": ["--model=x"]}},
        {"network": {"allowed_cidrs": ["10.0.0.1/8"]}},
        {"tags": {"a": "x", "A": "x"}},
        {"engine": {"hf_token_parameter": "/lamplighter/other/token"}},
    ]

    for wrong, rule in zip(broken, UNCHECKED, strict=True):
        assert VALIDATOR.is_valid(MINIMAL | wrong), rule.about
        assert not accepted(MINIMAL | wrong), rule.about
    for rule in UNCHECKED:
        assert rule.about in SCHEMA["description"]


def test_a_specification_with_all_its_defaults_is_one():
    document = json.loads(json.dumps(parse(MINIMAL).document()))

    VALIDATOR.validate(document)
    assert parse(document).document() == document


def described(node):
    """Every part of the schema that has a pattern, the conditions left out."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str) and "type" in node:
            yield node
        for key, inner in node.items():
            if key != "allOf":
                yield from described(inner)


@pytest.mark.parametrize("part", list(described(SCHEMA)), ids=lambda part: part["pattern"][:30])
def test_a_pattern_fits_the_whole_text_everywhere_and_has_an_example(part):
    pattern = part["pattern"]

    assert re.search(r"\\[wdsbWDSB]", pattern) is None, "means other letters in ECMA 262"
    assert part["examples"]
    for example in part["examples"]:
        assert re.search(pattern, example)
        for spoilt in (f"{example}\n", f"\n{example}", f"{example}\u0661", f"{example} \x00"):
            assert not re.search(pattern, spoilt)


def test_every_tool_parser_of_the_list_is_well_formed():
    pattern = SCHEMA["properties"]["engine"]["properties"]["tool_call_parser"]["pattern"]

    assert all(re.search(pattern, name) for name in tool_parsers.NAMES)


def test_the_schema_has_an_identity_and_is_the_published_one(root):
    published = json.loads((root / "functions/orchestrator/spec/spec.schema.json").read_text())

    Draft202012Validator.check_schema(published)
    assert published == SCHEMA, "run `make schema`"
    assert published["$id"] == "urn:lamplighter:deployment"
