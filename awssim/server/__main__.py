"""`python -m awssim.server --state FILE`: the strict AWS on a free port of 127.0.0.1.

Writes JSON lines to stdout: first {"port": N, "services": [...], "images": {parameter: image}},
then {"instance": ID, "state": STATE} whenever an instance enters a state, {"instance": ID,
"check": NAME, "fails": BOOL} whenever a status check changes, and {"instance": ID, "rebooted":
true}. TERM: saves its state in FILE and ends.

Environment: MOTO_ACCOUNT_ID (moto's own; default 123456789012).
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from awssim.account import Account
from awssim.clock import RunningClock
from awssim.rules.catalogue import IMAGES
from awssim.server import saved
from awssim.server.endpoint import Endpoint

# boto3's names of what it answers for.
SERVICES = (*("ec2", "ecr", "route53", "acm", "apigatewayv2", "iam", "service-quotas", "pricing"),)
_LOOK_SECONDS = 0.05


def main() -> None:
    """Serve until TERM."""
    parser = argparse.ArgumentParser(prog="awssim.server")
    parser.add_argument("--state", type=Path, required=True, help="file to start from and save to")
    parser.add_argument("--rate", type=float, default=1.0, help="how fast AWS's time passes")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    account = Account(clock=RunningClock(options.rate))
    with account.active(), account.uncounted():
        if options.state.exists():
            try:
                saved.read(options.state, account)
            except saved.Unreadable as error:
                sys.exit(f"{error}: remove it to begin with an empty account")
        _serve(account, options.state)


def _serve(account: Account, state: Path) -> None:
    endpoint = Endpoint(account, _write)
    server = endpoint.listen(0)
    _write(port=server.server_port, services=SERVICES, images=IMAGES)
    ending = threading.Event()
    looking = threading.Thread(target=_look, args=(endpoint, ending), daemon=True)
    looking.start()
    try:
        server.serve_forever()
    finally:
        ending.set()
        with endpoint.lock:
            saved.write(state, account)


def _look(endpoint: Endpoint, ending: threading.Event) -> None:
    while not ending.wait(_LOOK_SECONDS):
        endpoint.announce_changes()


def _write(**line: Any) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - the parent process reads it


if __name__ == "__main__":
    main()
