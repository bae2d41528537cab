"""Wire the agent: look, decide, tell, wait, for ever."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import boto3
from botocore.config import Config

from . import identity, probes, settings, spool, units
from .apikey import ApiKey
from .phases import START, Seen, State, decide
from .reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("lamplighter.agent")

UNTIL_SERVING = 0.3  # seconds between two looks
WHILE_SERVING = 5.0


def main() -> None:
    """Run until SIGTERM; exit status 0 then."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, _stop)
    told = settings.load(os.environ)
    quick = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    me = told.instance_id or identity.instance_id(time.sleep)
    api_key = ApiKey(
        boto3.client("ssm", region_name=told.region, config=quick),
        told.api_key_parameter,
        time.monotonic,
    )
    watched = units.Units(told.units, time.monotonic, units.run)
    reporter = Reporter(
        boto3.client("events", region_name=told.region, config=quick), told, me, time.time
    )
    log.info("agent started deployment=%s instance_id=%s", told.deployment, me)

    def observe(state: State) -> Seen:
        if setup := spool.read(told.phase_file):
            return Seen(setup=setup)
        if gave_up := watched.gave_up():
            return Seen(gave_up=gave_up)
        return Seen(check=probes.look(told, api_key, with_completion=not state.is_serving))

    run(observe, reporter.tell, now=time.monotonic, sleep=time.sleep)


def run(
    observe: Callable[[State], Seen],
    tell: Callable[[State, float], None],
    *,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> NoReturn:
    """Look fast until the host serves, then calmly. Ends only by an exception, as SIGTERM makes."""
    state = START
    while True:
        after = decide(state, observe(state))
        if after.said != state.said:
            log.info("phase changed from=%s to=%s cause=%s", state.phase, after.phase, after.cause)
        state = after
        tell(state, now())
        sleep(WHILE_SERVING if state.is_serving else UNTIL_SERVING)


def _stop(_signal: int, _frame: object) -> NoReturn:
    log.info("agent stopped")
    sys.exit(0)
