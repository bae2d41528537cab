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
        self.rules: Mapping[str, Rule] = {"ssm.PutParameter": self._put}

    def _put(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        name, value = request.parameters["Name"], request.parameters["Value"]
        host = self._hosts.get(name.rpartition(_PLACE)[2]) if _PLACE in name else None
        if host is not None:
            refuse_from = datetime.fromisoformat(json.loads(value)["drain"]["refuse_from"])
            self._schedule.after(_NOTICED_SECONDS, lambda: host.drain(refuse_from))
        return answer
