# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""What becomes of an instance, passed on: its states to EventBridge, its status checks to the
alarms that watch them, a reboot to the host that runs here.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

from ministack.services import eventbridge
from twin.emulator.services import alarms
from twin.emulator.strict_process import ACCOUNT, REGION
from twin.hosts import mailbox

log = logging.getLogger("lamplighter.emulator")
_REBOOT_SECONDS = 10.0


class Announcer:
    """hosts: the folder with a folder for each host that was ever on."""

    def __init__(self, hosts: Path) -> None:
        self._hosts = hosts

    def announce(self, change: dict[str, Any]) -> None:
        """change: as awssim.server writes it."""
        instance = change["instance"]
        if "state" in change:
            _put_state(instance, change["state"])
        elif "check" in change:
            alarms.set_status_check(instance, change["check"], fails=change["fails"])
        else:
            threading.Thread(target=self._reboot, args=(instance,), daemon=True).start()

    def _reboot(self, instance: str) -> None:
        try:
            mailbox.send(self._hosts / instance / "mail", ["reboot"], _REBOOT_SECONDS)
        except mailbox.Silence as error:
            log.warning("host not rebooted instance=%s problem=%s", instance, error)


def _put_state(instance: str, state: str) -> None:
    event = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Instance State-change Notification",
        "Detail": json.dumps({"instance-id": instance, "state": state}),
        "Resources": [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance}"],
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
