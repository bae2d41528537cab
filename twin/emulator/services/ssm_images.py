# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""SSM's public parameters of images: those that the strict AWS has."""

from __future__ import annotations

from collections.abc import Mapping

from ministack.services import ssm
from twin.emulator.pinned import require


def install(images: Mapping[str, str]) -> None:
    """images: parameter -> image id."""
    require(holds=isinstance(ssm._PUBLIC_AMI_PARAMETERS, dict), fix="public SSM parameters")
    ssm._PUBLIC_AMI_PARAMETERS.update(images)
