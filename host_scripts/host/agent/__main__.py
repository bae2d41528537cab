"""The host agent: look, decide, report, wait, for ever."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import boto3
from botocore.config import Config

from host.agent import activity, metrics
from host.agent.mender import Mender
from host.agent.metrics import Metrics
from host.agent.observer import Observer
from host.agent.phases import START, Seen, State, decide
from host.agent.reporter import Reporter
from host.agent.settings import Settings, load
from host.agent.status import Status
from host.agent.units import Units
from host.drain.draining import Draining
from host.drain.nginx import Nginx
from host.drain.order import Orders, parameter
from host.gateway.settings_file import SettingsFile
from host.keys.keys_file import Keys
from host.machine import metadata, systemd
from host.probes.api_key import ApiKey
from host.probes.progress import Progress

log = logging.getLogger("lamplighter.agent")

UNTIL_SERVING = 0.3  # seconds between two looks
WHILE_DRAINING = 1.0  # the deployment's traffic waits for the last request to end


def main() -> None:
    """Run until SIGTERM; exit status 0 then."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, _stop)
    settings = load(os.environ)
    quick = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    me = settings.instance_id or metadata.instance_id(time.sleep)
    ssm = boto3.client("ssm", region_name=settings.region, config=quick)
    s3 = boto3.client("s3", region_name=settings.region, config=quick)
    followed = _follow_files(s3, ssm, settings)
    api_key = ApiKey(ssm, settings.api_key_parameter, time.monotonic)
    watched = Units(settings.units, time.monotonic, systemd.run)
    progress = Progress(
        settings.chain.engine, settings.chain.model, time.monotonic, settings.served_file
    )
    observer = Observer(settings, api_key, watched, progress)
    mender = Mender(
        settings.repair_file,
        settings.repairs_file,
        settings.repair_patience_seconds,
        time.monotonic,
    )
    orders = Orders(ssm, parameter(settings.deployment, me), settings.order_seconds, time.monotonic)
    draining = Draining(orders.drain, lambda: activity.is_over(settings.chain, api_key), time.time)
    nginx = Nginx(settings.drain_file, settings.nginx_drain_file, time.monotonic)
    status = Status(settings.status_file, time.time)
    reporter = Reporter(
        boto3.client("events", region_name=settings.region, config=quick),
        settings,
        me,
        time.time,
        lambda: activity.look(settings.chain, api_key),
    )
    counted = Metrics(
        boto3.client("cloudwatch", region_name=settings.region, config=quick),
        settings.metrics_namespace,
        settings.deployment,
    )
    log.info("agent started deployment=%s instance_id=%s", settings.deployment, me)

    def settle(state: State) -> State:
        """Follow the order; a host that refuses new requests is not repaired any more."""
        drain = draining.look()
        nginx.drain(wanted=drain is not None)
        return replace(state if draining.refuses else mender.mend(state), drain=drain)

    def publish(state: State, now: float) -> None:
        def measured() -> dict[str, float]:
            return metrics.measured(
                serves=state.is_serving,
                repairs=mender.repairs(now),
                facts=observer.facts,
                certificate=observer.certificate,
                wall=time.time(),
            )

        status.show(state, now, draining.order)
        problems = followed.problems if followed else ()
        reporter.send(state, (*observer.warnings, *problems), now)
        counted.send(measured, now)

    run(
        observer.look,
        settle,
        publish,
        look_seconds=settings.look_seconds,
        now=time.monotonic,
        sleep=time.sleep,
    )


def run(
    observe: Callable[[State], Seen],
    settle: Callable[[State], State],
    publish: Callable[[State, float], None],
    *,
    look_seconds: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> NoReturn:
    """Look often until the host serves, then every look_seconds; SIGTERM raises and so ends it.

    settle: does what the state needs, and returns the state to report.
    """
    state = reported = START
    while True:
        state = decide(state, observe(state))
        before, reported = reported.said, settle(state)
        phase, _, cause = reported.said
        if before != reported.said:
            log.info("phase changed from=%s to=%s cause=%s", before[0], phase, cause)
        publish(reported, now())
        pause = look_seconds if state.is_serving else UNTIL_SERVING
        sleep(min(pause, WHILE_DRAINING) if phase == "draining" else pause)


def _follow_files(s3: Any, ssm: Any, settings: Settings) -> SettingsFile | None:
    """In threads: a look may take half a minute, and a revoked key must not wait for it, nor for
    the gateway's settings. Return what follows these.
    """
    threading.excepthook = _die
    if settings.keys_file is not None:
        keys = Keys(ssm, settings.keys_path, settings.keys_file)
        _begin("keys", keys.follow, settings.keys_seconds)
    if settings.settings_file is None:
        return None
    followed = SettingsFile(
        s3, ssm, settings.gateway_settings, settings.settings_file, settings.gateway
    )
    _begin("settings", followed.follow, settings.keys_seconds)
    return followed


def _begin(
    name: str, follow: Callable[[float, Callable[[float], None]], Any], pause: float
) -> None:
    threading.Thread(target=follow, args=(pause, time.sleep), name=name, daemon=True).start()


def _die(failed: threading.ExceptHookArgs) -> NoReturn:
    """End the whole agent when a thread fails; systemd starts it again."""
    log.error("agent failed", exc_info=failed.exc_value)
    os._exit(1)


def _stop(_signal: int, _frame: object) -> NoReturn:
    log.info("agent stopped")
    sys.exit(0)


if __name__ == "__main__":
    main()
