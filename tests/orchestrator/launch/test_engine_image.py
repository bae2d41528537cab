"""engine.image: the default, the registries a host has a password for, and the CUDA it needs."""

from __future__ import annotations

from typing import Any

import pytest
from orchestrator.errors import InvalidRequest
from orchestrator.launch import engine_image
from orchestrator.preflight.every import every, must_pass
from orchestrator.spec.engine import DEFAULT_ENGINE_IMAGE, Engine
from orchestrator.spec.parsing import parse
from steps import Workflow
from twin.engines import vllm

OURS = "123456789012"
OLD = "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20250718"
NEW = "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20251101"


def test_the_default_is_the_release_that_the_vllm_tests_run() -> None:
    assert Engine().image == f"vllm/vllm-openai:v{vllm.VERSION}"


@pytest.mark.parametrize(
    ("image", "needs"),
    [
        (DEFAULT_ENGINE_IMAGE, True),
        (f"docker.io/{DEFAULT_ENGINE_IMAGE}", True),
        ("vllm/vllm-openai:v0.26.0", True),
        ("vllm/vllm-openai:v0.32.0-cu129", False),
        ("vllm/vllm-openai:v0.20.0-cu130", True),
        ("vllm/vllm-openai:v0.11.0", False),
        ("vllm/vllm-openai:latest", False),  # not known
        ("mine/vllm-openai:v0.32.0", False),
    ],
)
def test_the_cuda_of_a_release_is_known_by_its_tag(image: str, *, needs: bool) -> None:
    assert engine_image.needs_cuda_13(image) is needs


@pytest.mark.parametrize(
    ("name", "older"),
    [
        (OLD, True),
        (NEW, False),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250101", False),  # no driver
        ("my own image", False),
    ],
)
def test_an_image_of_aws_tells_its_drivers_age_by_its_day(name: str, *, older: bool) -> None:
    assert engine_image.has_older_driver(name) is older


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (f"{OURS}.dkr.ecr.eu-central-1.amazonaws.com/lamplighter/vllm:1", None),
        (f"{OURS}.dkr.ecr.cn-north-1.amazonaws.com.cn/lamplighter/vllm:1", None),
        (DEFAULT_ENGINE_IMAGE, None),
        ("public.ecr.aws/deep-learning-containers/vllm:1", None),
        ("harbor.ecr.example.com/vllm:1", None),
        ("vllm:amazonaws.com", None),
        ("999999999999.dkr.ecr.eu-central-1.amazonaws.com/x:1", "is account 999999999999's"),
        ("1.dkr.ecr.x.amazonaws.com.evil.example/x:1", "is no registry of AWS"),
        (f"{OURS}.dkr.ecr.eu-central-1.amazonaws.com.evil.example/x:1", "is no registry of AWS"),
        (f"{OURS}.dkr.ecr.eu-central-1.amazonaws.com:443/x:1", "is no registry of AWS"),
        (f"evil.example:{OURS}.dkr.ecr.eu-central-1.amazonaws.com/x:1", "is no registry of AWS"),
        (f"{OURS}.dkr.ecr.eu-central-1.AmazonAWS.com/x:1", "is no registry of AWS"),
    ],
)
def test_a_registry_is_known_by_its_whole_name(image: str, sentence: str | None) -> None:
    problem = engine_image.registry_problem(image, OURS)

    assert (problem is None) if sentence is None else (sentence in str(problem))


def check(workflow: Workflow, **changes: Any) -> str:
    """Return what preflight refuses, or nothing."""
    try:
        deployment = parse({**workflow.spec, **changes})
        must_pass(every(workflow.clients, deployment, workflow.ledger, None))
    except InvalidRequest as refusal:
        return str(refusal)
    return ""


def test_preflight_refuses_a_registry_of_another_account(workflow: Workflow) -> None:
    image = "999999999999.dkr.ecr.eu-central-1.amazonaws.com/x:1"

    assert check(workflow, engine={"image": image}).startswith(
        "engine.image: 999999999999.dkr.ecr.eu-central-1.amazonaws.com is account 999999999999's"
    )


def register(workflow: Workflow, name: str) -> str:
    return workflow.clients.ec2.register_image(Name=name)["ImageId"]


def test_preflight_refuses_an_old_image_of_aws_for_an_engine_of_cuda_13(
    workflow: Workflow,
) -> None:
    ami = register(workflow, OLD)
    older = {"image": "vllm/vllm-openai:v0.11.0"}

    refusal = check(workflow, instance={"ami": ami})

    assert refusal == (
        f"instance.ami: {ami} ({OLD}) is older than the NVIDIA driver 580 that "
        f"{DEFAULT_ENGINE_IMAGE} (CUDA 13) needs; leave instance.ami out for the newest, or choose "
        "an engine.image for CUDA 12"
    )
    assert check(workflow, instance={"ami": ami}, engine=older) == ""
    assert check(workflow, instance={"ami": register(workflow, NEW)}) == ""


def test_preflight_refuses_gpus_that_cuda_13_has_no_code_for(
    workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator has no instance type that is as old as a p3."""
    monkeypatch.setattr(engine_image, "BEFORE_CUDA_13", frozenset({"L4"}))

    refusal = check(workflow)

    assert "instance.type: g6.xlarge has L4 GPUs, which" in refusal


def test_gpus_before_the_t4_are_known_to_be_too_old_for_cuda_13() -> None:
    assert engine_image.unsupported_gpus(DEFAULT_ENGINE_IMAGE, ["V100"]) == ["V100"]
    assert engine_image.unsupported_gpus(DEFAULT_ENGINE_IMAGE, ["T4", "L4", "H100"]) == []
    assert engine_image.unsupported_gpus("vllm/vllm-openai:v0.11.0", ["V100"]) == []


def test_preflight_counts_the_copies_of_the_model(workflow: Workflow) -> None:
    refusal = check(workflow, engine={"arguments": ["--data-parallel-size=2"]})

    assert "2 GPUs wanted, g6.xlarge has 1" in refusal
