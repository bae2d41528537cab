"""35-weights.sh: a model that cannot be had, or does not fit, is told before vLLM is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from host_scripts.endpoint import Endpoint, stop
from host_scripts.sandbox import HF_TOKEN, Host

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 1024**3
CONFIG = "/org/model/resolve/main/config.json"
ABOUT = "/api/models/org/model?blobs=true"


@pytest.fixture
def hub() -> Iterator[Endpoint]:
    """Return a Hugging Face Hub with one model of 15 GiB."""
    files = {"model-1.safetensors": 10, "model-2.safetensors": 5, "original.bin": 15}
    siblings = [{"rfilename": name, "size": size * GIB} for name, size in files.items()]
    endpoint = Endpoint(answers={CONFIG: (200, {}), ABOUT: (200, {"siblings": siblings})})
    server = endpoint.start()
    yield endpoint
    stop(server)


def test_a_model_that_fits_passes(host: Host, hub: Endpoint) -> None:
    done = host.run("35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 0, done.stderr
    assert "org/model has 15 GiB of weights" in done.stderr
    assert HF_TOKEN not in done.stdout + done.stderr + "".join(host.calls)


def test_b23_a_model_that_does_not_fit_is_told_with_both_numbers(host: Host, hub: Endpoint) -> None:
    host.answer("df", f"echo Avail; echo {16 * GIB}")

    done = host.run("35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode != 0
    assert "the weights of org/model need 17 GiB, the disk has 16 GiB free" in done.stderr
    assert "raise instance.root_volume_gib" in done.stderr


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "does not exist, or is private"),
        (403, "is gated: accept its licence"),
        (404, "does not exist on the Hugging Face Hub: correct `model`"),
    ],
)
def test_a_model_that_cannot_be_had_fails_with_the_remedy(
    host: Host, hub: Endpoint, status: int, told: str
) -> None:
    hub.answers[CONFIG] = (status, {})

    done = host.run("35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode != 0
    assert f"the model org/model {told}" in done.stderr


@pytest.mark.parametrize("status", [0, 500])
def test_a_hub_that_is_away_is_vllms_business(host: Host, hub: Endpoint, status: int) -> None:
    hub.answers[CONFIG] = (status, {})

    done = host.run("35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 0, done.stderr
    assert "vLLM will ask again by itself" in done.stderr


def test_a_token_that_is_not_there_fails_the_step(host: Host, hub: Endpoint) -> None:
    (host.aws / "ssm" / "lamplighter" / "demo" / "hf-token").unlink()

    done = host.run("35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode != 0
    assert "ParameterNotFound" in done.stderr


def test_a_path_that_is_not_on_the_machine_fails_with_the_remedy(host: Host) -> None:
    host.configure(model="/models/none")

    done = host.run("35-weights.sh")

    assert done.returncode != 0
    assert "there is no /models/none on this machine" in done.stderr
