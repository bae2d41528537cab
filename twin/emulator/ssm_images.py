# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Canonical's public parameters: the newest Ubuntu image of a release, as on AWS."""

from __future__ import annotations

from ministack.services import ec2, ssm

from twin.emulator.pinned import require

# Two images of Canonical's account; the first one is ministack's own stub.
UBUNTU = {"22.04": "ami-0123456789abcdef0", "24.04": "ami-0c0ffee24042404aa"}


def install() -> None:
    """Canonical's and AWS's parameters, and an image for 24.04."""
    require(holds=isinstance(ssm._PUBLIC_AMI_PARAMETERS, dict), fix="Canonical SSM parameters")
    require(holds=len(ec2._STUB_AMIS[0]) == 7, fix="Ubuntu 24.04 image")  # noqa: PLR2004
    for release, image in UBUNTU.items():
        for volume in ("gp2", "gp3"):
            name = f"{release}/stable/current/amd64/hvm/ebs-{volume}/ami-id"
            ssm._PUBLIC_AMI_PARAMETERS[f"/aws/service/canonical/ubuntu/server/{name}"] = image
        gpu = f"x86_64/base-oss-nvidia-driver-gpu-ubuntu-{release}/latest/ami-id"
        ssm._PUBLIC_AMI_PARAMETERS[f"/aws/service/deeplearning/ami/{gpu}"] = image
    ec2._STUB_AMIS.append((
        UBUNTU["24.04"], "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server",
        "Ubuntu 24.04", "", "/dev/sda1", "099720109477", None,
    ))  # fmt: skip
