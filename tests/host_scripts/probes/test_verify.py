"""The verdict over the whole chain, and the step that waits for it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.endpoint import Endpoint, stop
from host_scripts.sandbox import SECRETS, Host

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

FAILED = '{"ok": false, "boot_id": "boot-of-today", "layers": {"engine": "refused"}}'


@pytest.fixture
def engine() -> Iterator[Endpoint]:
    """Return vLLM behind the gateway: it asks for no key."""
    endpoint = Endpoint(key="")
    endpoint.serve_all()
    server = endpoint.start()
    yield endpoint
    stop(server)


@pytest.fixture
def front() -> Iterator[Endpoint]:
    """Return gateway and nginx in one."""
    endpoint = Endpoint()
    endpoint.serve_all()
    server = endpoint.start()
    yield endpoint
    stop(server)


@pytest.fixture
def chain(host: Host, engine: Endpoint, front: Endpoint) -> Host:
    host.configure(vllm_port=engine.port, gateway_port=front.port)
    return host


def verdict(host: Host, front: Endpoint) -> dict[str, Any]:
    target = host.run_dir / "verify.json"
    host.run_dir.mkdir(parents=True, exist_ok=True)
    done = host.run(
        host.program_of("probes.verify", str(target)),
        DEPLOYMENT_ENV=str(host.scripts / "deployment.env"),
        FRONT_URL=front.url,
    )
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    assert [secret for secret in SECRETS if secret in text + done.stdout + done.stderr] == []
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_chain_that_gives_a_token_is_verified_for_this_boot(chain: Host, front: Endpoint) -> None:
    found = verdict(chain, front)

    assert (found["ok"], found["boot_id"]) == (True, "boot-of-today")
    assert found["layers"] == dict.fromkeys(("engine", "gateway", "nginx", "completion"))
    assert front.count("/v1/chat/completions") == 1


def test_b14_a_look_at_a_healthy_host_changes_nothing(chain: Host, front: Endpoint) -> None:
    verdict(chain, front)
    before = chain.tree()
    chain.run_dir.joinpath("verify.json").unlink()

    verdict(chain, front)

    assert chain.tree().keys() == before.keys()
    assert chain.calls == []


@pytest.mark.parametrize("status", [500, 503, 404])
def test_b16_a_layer_that_answers_anything_but_200_is_named(
    chain: Host, engine: Endpoint, front: Endpoint, status: int
) -> None:
    engine.answers["/health"] = (status, None)

    found = verdict(chain, front)

    assert not found["ok"]
    assert f"/health answered {status}" in found["layers"]["engine"]
    assert "completion" not in found["layers"]


def test_a_chain_that_lists_and_does_not_complete_is_not_ok(chain: Host, front: Endpoint) -> None:
    front.answers["/v1/chat/completions"] = (500, {})

    found = verdict(chain, front)

    assert not found["ok"]
    assert "answered 500" in found["layers"]["completion"]


def test_a_model_without_a_chat_template_is_asked_plainly(chain: Host, front: Endpoint) -> None:
    front.answers["/v1/chat/completions"] = (400, {})

    assert verdict(chain, front)["ok"]


def test_without_aws_the_engine_itself_is_asked(
    chain: Host, engine: Endpoint, front: Endpoint
) -> None:
    (chain.aws / "ssm-down").mkdir()

    found = verdict(chain, front)

    assert found["ok"]
    assert engine.count("/v1/chat/completions") == 1


def test_without_an_engine_a_ready_gateway_is_enough(chain: Host, front: Endpoint) -> None:
    chain.configure(engine="none", gateway_port=front.port)

    assert verdict(chain, front)["layers"] == {"gateway": None, "nginx": None}


def wait(host: Host, body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run 90-verify.sh on a machine whose systemctl does `body`, with verify.json beside it."""
    host.run_dir.mkdir(parents=True, exist_ok=True)
    (host.root / "state" / "lamplighter" / "cache").mkdir(parents=True, exist_ok=True)
    (host.root / "failed").write_text(FAILED)
    host.answer(
        "systemctl",
        f'case "$*" in start*) cp "{host.root}/failed" "$RUN/lamplighter/verify.json" ;; '
        f"is-failed*) exit 1 ;; esac\n{body}",
    )
    return host.run("steps/90-verify.sh", **environment)


def test_b2_a_model_that_loads_for_ten_minutes_is_waited_for(host: Host) -> None:
    """Each look takes five seconds of a clock that nobody waits for; patience is 15 of them."""
    host.answer("journalctl", f'wc -l <"{host.root}/calls"')
    (host.bin / "wc").symlink_to("/usr/bin/wc")
    serves = '{"ok": true, "boot_id": "boot-of-today"}'
    late = f'[ "$(grep -c "^sleep" "{host.root}/calls")" -lt 120 ] || '
    late += f"""echo '{serves}' >"$RUN/lamplighter/verify.json" """

    done = wait(host, f"{late}\ntrue", PATIENCE="15")

    assert done.returncode == 0, done.stderr
    assert host.calls.count("sleep 5") == 120
    assert not [call for call in host.calls if "restart" in call or "stop" in call]


def test_a_start_in_which_nothing_moves_fails_with_what_the_layers_said(host: Host) -> None:
    done = wait(host, "true", PATIENCE="1")

    assert done.returncode != 0
    assert re.search(r'nothing moved for \d+ s: {"ok": false', done.stderr)


def test_a_unit_that_gave_up_ends_the_wait(host: Host) -> None:
    gave_up = (
        'case "$*" in "is-failed --quiet vllm@0.service") exit 0 ;; is-failed*) exit 1 ;; esac'
    )
    host.run_dir.mkdir(parents=True)
    host.answer("systemctl", f'{gave_up}\n: >"$RUN/lamplighter/verify.json"')

    done = host.run("steps/90-verify.sh")

    assert done.returncode != 0
    assert "vllm@0.service gave up" in done.stderr


def test_a_verdict_of_an_earlier_boot_says_nothing(host: Host) -> None:
    (host.root / "boot_id").write_text("boot-of-tomorrow\n")
    good = '{"ok": true, "boot_id": "boot-of-today"}'
    host.run_dir.mkdir(parents=True)
    (host.root / "good").write_text(good)
    host.answer(
        "systemctl",
        f'case "$*" in start*) cp "{host.root}/good" "$RUN/lamplighter/verify.json" ;; '
        "is-failed*) exit 1 ;; esac",
    )

    assert host.run("steps/90-verify.sh", PATIENCE="1").returncode != 0
