"""What an engine's image needs of the machine and of its registry, judged by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The CUDA generation that a driver must support. A release's plain tag is built for:
# 0.26.0 and later: 13 (their wheels need libcudart.so.13); a tag may name another, e.g. -cu129.
_CUDA_13_SINCE = (0, 26)
_VLLM = re.compile(r"(?:docker\.io/)?vllm/vllm-openai:v(\d+)\.(\d+)\.\d+(?:-cu(\d{2})\d)?")
# The first driver of each CUDA generation, and the day on which NVIDIA released it.
# https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/
CUDA_13_DRIVER = 580
CUDA_13_DRIVER_DAY = "20250804"
# GPUs of EC2 that CUDA 13 has no code for: it begins at compute capability 7.5 (T4).
BEFORE_CUDA_13 = frozenset({"K520", "K80", "M60", "V100"})
# AWS's images end with the day on which they were made.
_DEEP_LEARNING_IMAGE = re.compile(r"Deep Learning .*\b(20\d{6})")

_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_LIKE_ECR = re.compile(r"dkr[.-]ecr|amazonaws|\.on\.aws", re.IGNORECASE)


def needs_cuda_13(image: str) -> bool:
    """Return whether this is known to need CUDA 13; false for every image that is not known."""
    found = _VLLM.fullmatch(image)
    if found is None:
        return False
    if found[3]:
        return int(found[3]) >= 13  # noqa: PLR2004 - the generation
    return (int(found[1]), int(found[2])) >= _CUDA_13_SINCE


def unsupported_gpus(image: str, gpus: Iterable[str]) -> list[str]:
    """Return which of these (EC2's names, e.g. V100) the image is known to have no code for."""
    return sorted(BEFORE_CUDA_13.intersection(gpus)) if needs_cuda_13(image) else []


def has_older_driver(image_name: str) -> bool:
    """Return whether an AMI of this name was made before the first driver for CUDA 13."""
    found = _DEEP_LEARNING_IMAGE.fullmatch(image_name)
    return found is not None and found[1] < CUDA_13_DRIVER_DAY


def own_repository(image: str, account: str, region: str) -> str | None:
    """Return the repository of this account's registry that the image is pulled from, or None.

    Only those under lamplighter/ are: a host's permissions end there.
    """
    registry, _, path = image.partition("/")
    found = _ECR.fullmatch(registry)
    if not (found and found[1] == account and found[2] == region):
        return None
    repository = re.split("[:@]", path)[0]
    return repository if repository.startswith("lamplighter/") else None


def registry_problem(image: str, account: str) -> str | None:
    """Return why the host gets no password for this image's registry, or None.

    A host logs in to its own account's ECR only, by the registry's whole name.
    """
    registry = image.split("/", maxsplit=1)[0] if "/" in image else ""
    if registry.partition(":")[0] == "public.ecr.aws":
        return None
    found = _ECR.fullmatch(registry)
    if found and found[1] != account:
        return (
            f"{registry} is account {found[1]}'s registry, and a host has a password for its own "
            f"account's ({account}) only; copy the image there, under lamplighter/"
        )
    if not found and _LIKE_ECR.search(registry):
        return (
            f"{registry} is no registry of AWS; allowed: this account's ({account}), as "
            "`aws ecr describe-repositories` shows its repositoryUri"
        )
    return None
