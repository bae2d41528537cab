"""35-weights.sh: a model that cannot be had, or does not fit, is told before vLLM is started."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.endpoint import Endpoint, Handler, stop
from host_scripts.sandbox import HF_TOKEN, Host

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 1024**3
CONFIG = "/org/model/resolve/main/config.json"
ABOUT = "/api/models/org/model?blobs=true"


REFUSED = "Hugging Face refuses the token in the SSM parameter /lamplighter/demo/hf-token"
ABSENT = "the model org/model does not exist, or is private: correct `model`, or name a token"
GATED = "the model org/model is gated: accept its licence on huggingface.co"
UNKNOWN = "the model org/model does not exist on the Hugging Face Hub: correct `model`"


@dataclass
class Hub(Endpoint):
    """A Hugging Face Hub; says: the headers of its errors; about: what it tells of its model."""

    says: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


class Answering(Handler):
    endpoint: Hub

    def end_headers(self) -> None:
        for name, value in self.endpoint.says.items():
            self.send_header(name, value)
        super().end_headers()


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Return a hub with one model of 15 GiB."""
    files = {"model-1.safetensors": 10, "model-2.safetensors": 5, "original.bin": 15}
    siblings = [{"rfilename": name, "size": size * GIB} for name, size in files.items()]
    hub = Hub(about={"siblings": siblings})
    hub.answers = {CONFIG: (200, {}), ABOUT: (200, hub.about)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answering,), {"endpoint": hub}))
    server.daemon_threads = True
    hub.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield hub
    stop(server)


def test_a_model_that_fits_passes(host: Host, hub: Hub) -> None:
    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 0, done.stderr
    assert "org/model has 15 GiB of weights" in done.stderr
    assert HF_TOKEN not in done.stdout + done.stderr + "".join(host.calls)


def test_b23_a_model_that_does_not_fit_is_refused_with_both_numbers(host: Host, hub: Hub) -> None:
    host.answer("df", f"echo Avail; echo {16 * GIB}")

    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode != 0
    assert "the weights of org/model need 17 GiB, the disk has 16 GiB free" in done.stderr
    assert "raise instance.root_volume_gib" in done.stderr


@pytest.mark.parametrize("token", ["named", "none"])
@pytest.mark.parametrize(
    ("status", "says", "named", "none"),
    [
        (401, {}, REFUSED, ABSENT),
        (401, {"X-Error-Code": "RepoNotFound"}, REFUSED, ABSENT),
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, REFUSED, ABSENT),
        (401, {"X-Error-Code": "GatedRepo"}, GATED, f"{GATED}, and name a token of that account"),
        (403, {"X-Error-Code": "GatedRepo"}, GATED, GATED),
        (403, {}, GATED, GATED),
        (404, {"X-Error-Code": "RepoNotFound"}, f"{UNKNOWN}, or if it is private", UNKNOWN),
        (404, {}, UNKNOWN, UNKNOWN),
    ],
)
def test_a_model_that_cannot_be_had_fails_with_the_remedy(
    host: Host, hub: Hub, status: int, says: dict[str, str], named: str, none: str, token: str
) -> None:
    hub.answers[CONFIG], hub.says = (status, {}), says
    if token == "none":
        host.configure(hf_token_parameter="")

    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 91
    assert (named if token == "named" else none) in done.stderr.splitlines()[-1]
    assert HF_TOKEN not in done.stderr


def test_a_model_without_a_config_is_vllms_business(host: Host, hub: Hub) -> None:
    hub.answers[CONFIG], hub.says = (404, {}), {"X-Error-Code": "EntryNotFound"}

    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 0, done.stderr
    assert "org/model has 15 GiB of weights" in done.stderr


def memory(host: Host, *mib: str) -> None:
    lines = "\\n".join(mib)
    body = f"""case $1 in --query-gpu=memory.total) printf '{lines}\\n';; *) echo GPU 0;; esac"""
    host.answer("nvidia-smi", body)


@pytest.mark.parametrize(
    ("kinds", "needs"),
    [
        ({"BF16": 7.5}, 15),
        ({"F8_E4M3": 14, "BF16": 0.5}, 15),
        ({"F32": 3.7}, 8),  # half of it is loaded
        ({"I32": 30}, 15),  # counted unpacked: there are not so many bytes
    ],
    ids=str,
)
def test_a_model_larger_than_the_gpus_is_refused_with_both_numbers(
    host: Host, hub: Hub, kinds: dict[str, float], needs: int
) -> None:
    hub.about["safetensors"] = {
        "parameters": {kind: int(count * GIB) for kind, count in kinds.items()}
    }
    host.configure(gpus=2)
    memory(host, "3584", "3584", "81920")

    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 91
    told = f"the weights of org/model need {needs} GiB of GPU memory, the engine's GPUs (2) have 7"
    assert told in done.stderr.splitlines()[-1]
    assert "more GPUs by engine.tensor_parallel_size" in done.stderr


@pytest.mark.parametrize(
    ("sizes", "kinds", "engine"),
    [
        (["15360"], {"BF16": 7 * GIB}, "gpu"),
        (["1024"], {}, "gpu"),
        (["1024"], {"a new kind": 8 * GIB}, "gpu"),
        (["[N/A]"], {"BF16": 8 * GIB}, "gpu"),
        (["1024"], {"BF16": 8 * GIB}, "cpu"),
    ],
    ids=str,
)
def test_a_model_that_may_fit_into_the_gpus_passes(
    host: Host, hub: Hub, sizes: list[str], kinds: dict[str, int], engine: str
) -> None:
    hub.about["safetensors"] = {"parameters": kinds}
    host.configure(engine=engine)
    memory(host, *sizes)

    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 0, done.stderr


def test_what_vllm_will_fetch_is_noted_for_everybody_to_read(host: Host, hub: Hub) -> None:
    host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    note = host.run_dir / "weights.json"
    assert json.loads(note.read_text()) == {"bytes": 15 * GIB}
    assert note.stat().st_mode & 0o777 == 0o644


def test_what_was_noted_of_another_model_goes(host: Host, hub: Hub) -> None:
    host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)
    hub.answers[CONFIG] = (500, {})

    host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert not (host.run_dir / "weights.json").exists()


@pytest.mark.parametrize("status", [0, 500])
def test_a_hub_that_is_away_is_vllms_business(host: Host, hub: Hub, status: int) -> None:
    hub.answers[CONFIG] = (status, {})

    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode == 0, done.stderr
    assert "vLLM will ask again by itself" in done.stderr


def test_a_token_that_is_not_there_fails_the_step(host: Host, hub: Hub) -> None:
    (host.aws / "ssm" / "lamplighter" / "demo" / "hf-token").unlink()

    done = host.run("steps/35-weights.sh", HF_ENDPOINT=hub.url)

    assert done.returncode != 0
    assert "does not exist: write it with `aws ssm put-parameter" in done.stderr
    assert hub.asked == []


def test_a_path_that_is_not_on_the_machine_fails_with_the_remedy(host: Host) -> None:
    host.configure(model="/models/none")

    done = host.run("steps/35-weights.sh")

    assert done.returncode != 0
    assert "there is no /models/none on this machine" in done.stderr
