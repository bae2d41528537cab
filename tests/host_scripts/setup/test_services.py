"""05, 50 and 60: what (re)starts, what does not, and what a cut run leaves to the next."""

from __future__ import annotations

import os

import pytest
from host_scripts.sandbox import Host

SERVICES = ["vllm@0.service", "inference-app.service", "lamplighter-agent.service"]
WATCHES = ["inference-verify.timer", "lamplighter-machine.timer"]
WATCHES += ["lamplighter-repair.path", "lamplighter-drain.path"]


@pytest.fixture
def ready(host: Host) -> Host:
    """Return a host whose services run already."""
    host.run("steps/40-secrets.sh")
    host.run("steps/50-services.sh")
    return host


# systemctl as it is where only what was started runs.
REMEMBERS = """for unit; do :; done
case "$1" in
start | restart) : >"$OPT/../runs-$unit" ;;
stop) rm -f "$OPT/../runs-$unit" ;;
is-active) test -e "$OPT/../runs-$unit" ;;
esac"""


@pytest.fixture
def running(host: Host) -> Host:
    """Return a host whose services run, and a systemctl that knows it."""
    host.answer("systemctl", REMEMBERS)
    host.run("steps/40-secrets.sh")
    host.run("steps/50-services.sh")
    return host


def done_to_units(host: Host) -> list[str]:
    verbs = ("start", "stop", "restart", "disable", "daemon-reload")
    calls = [call.split() for call in host.calls if call.startswith("systemctl")]
    return [" ".join([verb, *words[-1:]]) for _, verb, *words in calls if verb in verbs]


def restarted(host: Host) -> list[str]:
    done = host.run("steps/50-services.sh")
    assert done.returncode == 0, done.stderr
    return [call.split()[-1] for call in host.calls if call.startswith("systemctl restart")]


def test_the_first_run_reloads_once_before_it_starts_anything(host: Host) -> None:
    host.answer("systemctl", REMEMBERS)
    host.run("steps/40-secrets.sh")

    host.run("steps/50-services.sh")

    reload, *starts = done_to_units(host)
    assert reload == "daemon-reload"
    assert set(starts) == {
        *(f"restart {service}" for service in SERVICES),
        *(f"start {watch}" for watch in WATCHES),
    }


def test_what_starts_at_a_boot_is_enabled_and_the_machines_oneshot_is_not(host: Host) -> None:
    host.run("steps/40-secrets.sh")
    host.run("steps/50-services.sh")

    [enabled] = [call.split() for call in host.calls if call.startswith("systemctl enable")]
    assert "lamplighter-machine.timer" in enabled
    assert "lamplighter-machine.service" not in enabled


def test_an_engine_that_runs_is_drained_before_it_is_restarted(running: Host) -> None:
    running.configure(model="org/other")

    running.run("steps/50-services.sh")

    assert done_to_units(running) == [
        "stop inference-app.service",
        "restart vllm@0.service",
        "start inference-app.service",
        "restart lamplighter-agent.service",
    ]


def test_an_engine_is_drained_before_the_reload_that_takes_its_gpu(running: Host) -> None:
    unit = running.scripts / "files/vllm@.service"
    unit.write_text(unit.read_text() + "# changed\n")

    running.run("steps/50-services.sh")

    assert done_to_units(running) == [
        "stop inference-app.service",
        "daemon-reload",
        "restart vllm@0.service",
        "start inference-app.service",
    ]


def test_an_engine_that_is_down_is_restarted_without_a_drain(running: Host) -> None:
    (running.root / "runs-vllm@0.service").unlink()
    running.configure(model="org/other")

    running.run("steps/50-services.sh")

    assert done_to_units(running) == [
        "restart vllm@0.service",
        "restart lamplighter-agent.service",
    ]


def test_an_engine_that_goes_is_drained_first(running: Host) -> None:
    running.configure(engine="none", gpus=0)

    running.run("steps/50-services.sh")

    assert done_to_units(running)[:2] == ["stop inference-app.service", "disable vllm.target"]
    assert "restart inference-app.service" in done_to_units(running)


def test_a_gateway_that_changed_drains_by_its_own_restart(running: Host) -> None:
    running.configure(gateway_image="new")

    running.run("steps/50-services.sh")

    assert done_to_units(running) == [
        "restart inference-app.service",
        "restart lamplighter-agent.service",
    ]


def test_a_run_that_was_cut_while_the_engine_restarts_brings_the_gateway_back(
    running: Host,
) -> None:
    running.configure(model="org/other")
    running.answer("systemctl", f'case "$*" in "restart vllm"*) exit 1;; esac\n{REMEMBERS}')
    assert running.run("steps/50-services.sh").returncode != 0
    running.answer("systemctl", REMEMBERS)

    running.run("steps/50-services.sh")

    assert "start inference-app.service" in done_to_units(running)


def test_a_host_without_a_gpu_has_no_vllm_and_a_gateway_that_knows(host: Host) -> None:
    host.configure(engine="none", gpus=0)
    host.run("steps/40-secrets.sh")

    assert restarted(host) == SERVICES[1:]
    assert list((host.etc / "systemd/system").glob("vllm*")) == []
    assert "INFERENCE_ENGINE=disabled" in (host.etc / "lamplighter/gateway.env").read_text()


@pytest.mark.parametrize(
    ("changed", "settings"),
    [
        ({}, ["VLLM_DEVICE=--gpus all", "VLLM_MOUNT="]),
        ({"engine": "cpu"}, ["VLLM_DEVICE=", "VLLM_MOUNT="]),
        ({"model": "/m/x"}, ["VLLM_DEVICE=--gpus all", "VLLM_MOUNT=--volume /m/x:/m/x:ro"]),
    ],
    ids=str,
)
def test_docker_gets_the_gpus_and_a_model_on_the_machine(
    host: Host, changed: dict[str, object], settings: list[str]
) -> None:
    host.configure(**changed)
    host.run("steps/40-secrets.sh")

    assert "vllm@0.service" in restarted(host)
    assert (host.etc / "lamplighter/vllm-0.env").read_text().splitlines() == settings


def test_an_engine_that_is_no_longer_wanted_goes(ready: Host) -> None:
    ready.configure(engine="none", gpus=0)

    assert restarted(ready) == SERVICES[1:]
    assert "systemctl disable --quiet --now vllm@0.service vllm.service vllm.target" in ready.calls
    assert list((ready.etc / "systemd/system").glob("vllm*")) == []


def test_the_gateway_may_keep_its_counts_where_its_container_sees_them(ready: Host) -> None:
    folder = ready.root / "state" / "lamplighter" / "gateway"

    assert folder.stat().st_mode & 0o777 == 0o750
    assert (folder.stat().st_uid, folder.stat().st_gid) == (os.getuid(), os.getgid())


def test_the_gateway_gets_the_timeouts_and_the_paths_of_its_files(ready: Host) -> None:
    settings = (ready.etc / "lamplighter/gateway.env").read_text().splitlines()

    assert settings == [
        "INFERENCE_CONFIG=/etc/gateway/settings.json",
        "INFERENCE_ENGINE=enabled",
        "INFERENCE_TRUSTED_PROXIES=127.0.0.0/8,::1/128,172.18.0.1",
        "INFERENCE_KEYS_FILE=/etc/gateway/keys",
        "INFERENCE_ETA_FILE=/etc/gateway/status",
        "INFERENCE_USAGE_FILE=/var/lib/gateway/usage.json",
        "INFERENCE_DEFAULT_TIMEOUT_SECONDS=90",
        "INFERENCE_MAX_TIMEOUT_SECONDS=600",
    ]


def test_the_network_of_the_containers_is_made_once(host: Host) -> None:
    host.run("steps/40-secrets.sh")
    host.answer("docker", 'case "$*" in "network inspect lamplighter") exit 1;; esac')

    host.run("steps/50-services.sh")

    assert host.calls.count("docker network create lamplighter") == 1


@pytest.mark.parametrize(
    ("changed", "services"),
    [
        ({"model": "org/other"}, ["vllm@0.service", "lamplighter-agent.service"]),
        ({"engine_arguments": "--seed 2"}, ["vllm@0.service", "lamplighter-agent.service"]),
        ({"max_timeout_seconds": 300}, ["inference-app.service", "lamplighter-agent.service"]),
        ({"gateway_image": "new"}, ["inference-app.service", "lamplighter-agent.service"]),
        ({"report_seconds": 10}, ["lamplighter-agent.service"]),
    ],
    ids=str,
)
def test_only_what_changed_restarts(
    ready: Host, changed: dict[str, object], services: list[str]
) -> None:
    ready.configure(**changed)

    assert restarted(ready) == services


def test_a_new_key_restarts_nothing(ready: Host) -> None:
    (ready.etc / "lamplighter/gateway/keys").write_text("")

    assert restarted(ready) == []


def test_a_changed_unit_restarts_vllm_because_the_reload_takes_its_gpu(ready: Host) -> None:
    unit = ready.scripts / "files/inference-app.service"
    unit.write_text(unit.read_text() + "# changed\n")

    assert restarted(ready) == ["vllm@0.service", "inference-app.service"]


def test_a_service_that_is_down_is_started_and_not_restarted(ready: Host) -> None:
    ready.answer("systemctl", 'case "$*" in "is-active --quiet vllm@0"*) exit 3;; esac')

    assert restarted(ready) == []
    assert "systemctl start vllm@0.service" in ready.calls


def test_a_timer_and_a_watch_that_do_not_run_are_started(ready: Host) -> None:
    ready.answer("systemctl", 'case "$*" in is-active*timer | is-active*path) exit 3;; esac')

    assert restarted(ready) == []
    assert set(done_to_units(ready)) == {f"start {watch}" for watch in WATCHES}


def test_a_run_that_was_cut_before_the_restart_is_made_good_by_the_next(ready: Host) -> None:
    ready.configure(model="org/other")
    ready.answer("systemctl", 'case "$*" in restart*) exit 1;; esac')
    assert ready.run("steps/50-services.sh").returncode != 0
    ready.answer("systemctl")

    assert restarted(ready) == ["vllm@0.service", "lamplighter-agent.service"]


def test_a_run_that_was_cut_before_the_reload_is_made_good_by_the_next(ready: Host) -> None:
    unit = ready.scripts / "files/inference-app.service"
    unit.write_text(unit.read_text() + "# changed\n")
    ready.answer("systemctl", 'case "$*" in daemon-reload*) exit 1;; esac')
    assert ready.run("steps/50-services.sh").returncode != 0
    ready.answer("systemctl")

    ready.run("steps/50-services.sh")

    assert "systemctl daemon-reload" in ready.calls


def test_the_agent_is_started_before_everything_else_and_reloads_only_once(host: Host) -> None:
    host.answer("systemctl", 'case "$*" in is-active*) exit 3;; esac')
    host.run("steps/05-agent.sh")
    first, enabled = done_to_units(host), host.calls

    host.run("steps/05-agent.sh")

    assert first == ["daemon-reload", "start lamplighter-agent.service"]
    units = "lamplighter-agent.service lamplighter-setup.service"
    assert f"systemctl enable --quiet {units}" in enabled
    assert done_to_units(host) == ["start lamplighter-agent.service"]
    assert (host.etc / "lamplighter/gateway").is_dir()


def test_the_first_run_makes_a_certificate_for_the_name_and_reloads_once(host: Host) -> None:
    done = host.run("steps/60-nginx.sh")

    assert done.returncode == 0, done.stderr
    assert "systemctl enable --quiet nginx.service" in host.calls
    assert host.calls.count("systemctl reload-or-restart nginx.service") == 1
    assert (host.etc / "lamplighter/tls/server.key").stat().st_mode & 0o777 == 0o600


def test_a_configuration_that_nginx_refuses_never_replaces_the_old_one(host: Host) -> None:
    host.run("steps/60-nginx.sh")
    before = host.tree()
    host.answer("nginx", "echo 'unknown directive' >&2; exit 1")
    (host.scripts / "nginx.conf").write_text("nonsense;\n")

    done = host.run("steps/60-nginx.sh")

    assert done.returncode != 0
    assert "unknown directive" in done.stderr
    assert host.tree() == before
    assert not [call for call in host.calls if "systemctl" in call]


def test_a_changed_configuration_is_reloaded_and_the_certificate_stays(host: Host) -> None:
    host.run("steps/60-nginx.sh")
    certificate = (host.etc / "lamplighter/tls/server.crt").read_bytes()
    host.configure(max_timeout_seconds=300)

    host.run("steps/60-nginx.sh")

    assert "systemctl reload-or-restart nginx.service" in host.calls
    assert (host.etc / "lamplighter/tls/server.crt").read_bytes() == certificate


def test_an_nginx_that_was_stopped_is_started_and_not_reloaded(ready: Host) -> None:
    ready.run("steps/60-nginx.sh")
    ready.answer("systemctl", 'case "$*" in "is-active --quiet nginx.service") exit 3;; esac')

    ready.run("steps/60-nginx.sh")

    assert done_to_units(ready) == ["start nginx.service"]
    assert not [call for call in ready.calls if "reload" in call]


def test_a_changed_service_that_systemd_gave_up_on_may_start_again(ready: Host) -> None:
    failed = '"is-failed --quiet vllm@0.service") ;; is-failed*) exit 1 ;;'
    ready.answer("systemctl", f'case "$*" in {failed} esac')
    ready.configure(model="org/other")

    assert "vllm@0.service" in restarted(ready)
    resets = [call for call in ready.calls if "reset-failed" in call]
    assert resets == ["systemctl reset-failed vllm@0.service"]


def test_the_agents_user_is_made_once(host: Host) -> None:
    host.answer("getent", 'case "$*" in "passwd lamplighter-agent") exit 2 ;; esac')
    host.run("steps/05-agent.sh")
    made = [call for call in host.calls if call.startswith("useradd")]
    host.answer("getent")

    host.run("steps/05-agent.sh")

    assert [call.split()[-1] for call in made] == ["lamplighter-agent"]
    assert not [call for call in host.calls if call.startswith("useradd")]
