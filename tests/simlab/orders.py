"""Orders to hosts: SSM parameters that their agents would find within seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from awssim.request import Proceed, Request, Response, Rule

from simlab.hosts import Host
from simlab.schedule import Schedule

_NOTICED_SECONDS = 5.0
_PLACE = "/hosts/"


class Orders:
    """A layer of the strict AWS. hosts: the live ones, by instance."""

    def __init__(self, hosts: Mapping[str, Host], schedule: Schedule) -> None:
        self._hosts, self._schedule = hosts, schedule
        self.rules: Mapping[str, Rule] = {
            "ssm.PutParameter": self._put,
            "ssm.DeleteParameter": self._delete,
        }

    def _put(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        host = self._host(request.parameters["Name"])
        if host is not None:
            order = json.loads(request.parameters["Value"])["drain"]
            refuse_from = datetime.fromisoformat(order["refuse_from"])
            self._schedule.after(_NOTICED_SECONDS, lambda: host.drain(refuse_from))
        return answer

    def _delete(self, request: Request, proceed: Proceed) -> Response:
        """The order is withdrawn."""
        answer = proceed(request)
        host = self._host(request.parameters["Name"])
        if host is not None:
            self._schedule.after(_NOTICED_SECONDS, host.serve_on)
        return answer

    def _host(self, name: str) -> Host | None:
        return self._hosts.get(name.rpartition(_PLACE)[2]) if _PLACE in name else None
