# ruff: noqa: PLC0415 - ministack reads its settings when it is imported: import it late
"""`python -m twin.emulator --port N --state DIR`: the local AWS on 127.0.0.1:N.

Environment: LOCAL_FAULTS (path, see faults.py), LOCAL_JOURNAL (path, default DIR/calls.jsonl),
LOCAL_ALLOW_AWS_EVENTS=1 (PutEvents with aws.* sources), SFN_WAIT_SCALE (default 0.02: Wait states
and retry intervals take 2 % of their time; TimeoutSeconds and HeartbeatSeconds are not scaled),
LAMPLIGHTER_ORIGINS (handed to the Lambdas).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from twin.emulator.strict_process import REGION, StrictProcess
from twin.processes import die_with_parent

MINISTACK = "1.5.33"
_SLOWEST = 0.001  # a wait scale of 0 is no rate


def main() -> None:
    """Set ministack up, repair it, serve until TERM. State is saved in DIR at the end."""
    parser = argparse.ArgumentParser(prog="twin.emulator")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--tied", action="store_true", help="end when the parent process ends")
    parser.add_argument("--cold", action="store_true", help="start each Lambda worker from nothing")
    options = parser.parse_args()
    if options.tied:
        die_with_parent()
    if version("ministack") != MINISTACK:
        sys.exit(f"ministack {version('ministack')} is installed, the fixes are for {MINISTACK}")
    _configure(options.port, options.state)
    strict = StrictProcess(options.state / "strict-aws.pickle", _rate())
    _repair(strict, options.state, warm=not options.cold and hasattr(os, "pidfd_open"))
    sys.argv = ["ministack"]
    from ministack.app import main as serve

    try:
        serve()
    finally:
        strict.end()


def _configure(port: int, state: Path) -> None:
    """Set what ministack reads; nothing of the caller's AWS configuration may reach a Lambda."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        del os.environ[name]
    # Unpacked Lambdas: ministack leaves them behind when it ends.
    unpacked = state / "tmp"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir(parents=True)
    os.environ |= {
        "TMPDIR": str(unpacked.resolve()),
        "BIND_HOST": "127.0.0.1", "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0",
        "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1", "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1", "STATE_DIR": str(state / "aws"), "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    os.environ.setdefault("SFN_WAIT_SCALE", "0.02")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("LOCAL_JOURNAL", str(state / "calls.jsonl"))


def _rate() -> float:
    """How fast the strict AWS's time passes: as the waits of the workflows that watch it."""
    return 1 / max(float(os.environ["SFN_WAIT_SCALE"]), _SLOWEST)


def _repair(strict: StrictProcess, state: Path, *, warm: bool) -> None:
    """Install every fix; the strict AWS starts meanwhile."""
    import ministack.app
    from twin.emulator import middleware, switches
    from twin.emulator.journal import Journal
    from twin.emulator.lambdas import errors, workers
    from twin.emulator.services import (
        alarms,
        events,
        saved_queries,
        schedules,
        ssm_tags,
        stack_deletions,
    )
    from twin.emulator.workflows import definitions, ends, starts, states, tokens

    planned = Path(os.environ["LOCAL_FAULTS"]) if "LOCAL_FAULTS" in os.environ else None
    errors.install()
    workers.install(warm=warm)
    events.install(planned)
    for fix in (
        *(alarms, saved_queries, schedules, ssm_tags, stack_deletions),
        *(definitions, starts, states, tokens, ends),
    ):
        fix.install()
    _connect(strict, state)
    journal = Journal(Path(os.environ["LOCAL_JOURNAL"]))
    watched = middleware.around(ministack.app.app, journal, planned, ends.stop_all)
    ministack.app.app = switches.around(watched, strict)


def _connect(strict: StrictProcess, state: Path) -> None:
    """Install what joins ministack to the strict AWS and to the hosts of this machine."""
    from twin.emulator import instances, strict_services
    from twin.emulator.services import builds, ssm_commands, ssm_images, template_iam
    from twin.emulator.services.ssm_documents import Documents

    hosts, documents = state.resolve() / "hosts", Documents(state / "documents.json")
    strict_services.install(strict, instances.Announcer(hosts).announce)
    builds.install(strict.client("ecr"))
    ssm_images.install(strict.known.images)
    template_iam.install(strict.client("iam"))
    documents.install()
    ssm_commands.install(documents, hosts, strict.client("ec2"))


if __name__ == "__main__":
    main()
