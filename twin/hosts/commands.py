"""The commands that a host obeys: of its own programs, of SSM, of EC2, and of `local break`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

from twin.hosts.engine_unit import BadModels, Engines
from twin.hosts.machine import Machine
from twin.hosts.mailbox import Answer
from twin.hosts.programs import Places
from twin.hosts.systemd.service import Service

_CONTAINERS = {"vllm-0": "engine", "inference-app": "gateway"}
_SHELL_SECONDS = 60.0
_UNREACHABLE = Answer(255, err="the machine does not answer\n")
_DONE = Answer()


class Host(Protocol):
    """What they reach of a host; see host.py."""

    instance: str
    places: Places
    machine: Machine
    engines: Engines
    bad_models: BadModels
    services: dict[str, Service]
    settings: dict[str, str]

    def reboot(self) -> None: ...

    def write_facts(self) -> None: ...


class _Refused(Exception):
    """Why this host cannot do it."""


class Commands:
    """Each is a list of words: the name, then its arguments."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, Callable[..., Awaitable[Answer]]] = {
            "systemctl": self._systemctl,
            "docker": self._docker,
            "shell": self._shell,
            "reboot": self._reboot,
            "kill": self._kill,
            "stop": self._stop,
            "wedge": self._wedge,
            "bad-model": self._bad_model,
            "condition": self._condition,
        }

    async def obey(self, words: list[str]) -> Answer:
        name, *arguments = words
        try:
            return await self._known[name](*arguments)
        except _Refused as error:
            return Answer(1, err=f"{error}\n")

    def _service(self, part: str) -> Service:
        if part not in self._host.services:
            raise _Refused(f"{self._host.instance} has no {part}, or none yet")
        return self._host.services[part]

    async def _systemctl(self, verb: str = "", name: str = "", *_: str) -> Answer:
        """restart, reset-failed; whatever else is asked of systemd, it does not answer."""
        found = [each for each in self._host.services.values() if each.kind.name == name]
        if not found or verb not in {"restart", "reset-failed"}:
            return Answer(1, err=f"no systemd here for: {verb} {name}\n")
        [service] = found
        if verb == "restart":
            await service.restart()
        else:
            service.reset_failed()
        return _DONE

    async def _docker(self, verb: str = "", name: str = "", *_: str) -> Answer:
        service = self._host.services.get(_CONTAINERS.get(name, ""))
        if verb != "kill" or service is None:
            return Answer(1, err=f"no docker here for: {verb} {name}\n")
        service.signal(signal.SIGKILL)
        return _DONE

    async def _shell(self, script: str) -> Answer:
        """Run the script of an SSM document, with this host's paths."""
        if self._host.machine.is_unreachable:
            return _UNREACHABLE
        places = self._host.places
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", script.replace("/opt/lamplighter", str(places.scripts)),
            env=places.environment(), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            out, err = await asyncio.wait_for(process.communicate(), _SHELL_SECONDS)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            return Answer(124, err=f"no end within {_SHELL_SECONDS:g} s\n")
        return Answer(
            process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
        )

    async def _reboot(self) -> Answer:
        self._host.reboot()
        return _DONE

    async def _kill(self, part: str) -> Answer:
        """End a part as the kernel's OOM killer does; systemd starts it again."""
        self._service(part).signal(signal.SIGKILL)
        return _DONE

    async def _stop(self, part: str) -> Answer:
        """End a part; nothing starts it again but a command, or a boot."""
        await self._service(part).stop()
        return _DONE

    async def _wedge(self) -> Answer:
        self._host.engines.wedge(self._service("engine"))
        return _DONE

    async def _bad_model(self, seconds: str) -> Answer:
        """seconds: for how long no engine can run this host's model; empty: for ever."""
        self._service("engine")
        self._host.bad_models.add(self._host.settings["MODEL"], float(seconds) if seconds else None)
        return await self._kill("engine")

    async def _condition(self, name: str) -> Answer:
        """Something is wrong with the machine from now on: see machine.py."""
        self._host.machine.add(name)
        self._host.write_facts()
        if self._host.machine.is_unreachable:
            for service in self._host.services.values():
                service.signal(signal.SIGSTOP)
        elif self._host.machine.engine_dies_of:
            return await self._kill("engine")
        return _DONE
