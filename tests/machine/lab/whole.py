"""The lab: the cloud, the deployment's things in it, and the machine that boots from them."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from machine.lab import machine as machines
from machine.lab import seed
from machine.lab.client import Client
from machine.lab.cloud import network
from machine.lab.cloud.cloud import Cloud
from machine.lab.image import tree
from machine.lab.image.images import ROOT, Images
from machine.lab.machine import Machine
from machine.lab.processes import Processes
from patience import eventually

HOME = ROOT / ".lamplighter"
TREES = HOME / "host-tree"
_LOCK = "\0lamplighter-lab"  # the namespaces have fixed names: one lab a computer


@dataclass(frozen=True, slots=True)
class Lab:
    cloud: Cloud
    machine: Machine
    seeded: seed.Seeded
    after: ExitStack

    def client(self, key: str = "") -> Client:
        """Return a caller who trusts the authority, and has the first API key.

        Waits for the certificate: it is ordered beside the rest of the boot.
        """
        eventually(self.certificate, lambda it: it.get("kind") == "acme", 60)
        return Client(self.cloud.root(), key or self.seeded.api_key)

    def certificate(self) -> dict[str, Any]:
        """Return the machine's verdict on its certificate; empty while there is none."""
        return _parsed(self.machine.run("cat /run/lamplighter/certificate").stdout)

    def console(self) -> bytes:
        """Return what the machine wrote on its console, all boots of it."""
        return (self.cloud.processes.logs / "machine.log").read_bytes()

    def verified(self, seconds: float) -> dict[str, Any]:
        """Return the machine's verdict on itself, once it is good and of this boot."""
        good: dict[str, Any] = eventually(self._verdict, lambda it: it.get("ok") is True, seconds)
        return good

    def change(self, **changed: dict[str, Any]) -> None:
        """Begin an update in place, once the last one is over: what provision renders is booted.

        changed: section of the specification -> what is another there than at the launch.
        """
        spec = seed.SPEC | {name: seed.SPEC.get(name, {}) | it for name, it in changed.items()}
        with self.cloud.account():
            seeded = network.within(network.CLOUD, lambda: seed.change(spec))
        running = "systemctl is-active change.service"
        eventually(lambda: self.machine.run(running).stdout, lambda it: "inactive" in it, 120)
        self.machine.write("/root/user-data", seeded.user_data)
        self.machine.said("chmod 700 /root/user-data")
        self.machine.said("systemd-run --quiet --collect --unit=change /root/user-data")

    def remove(self) -> None:
        """End it before the `with` does; the second time nothing happens."""
        self.after.close()

    def _verdict(self) -> dict[str, Any]:
        files = "/proc/sys/kernel/random/boot_id /run/lamplighter/verify.json"
        boot_id, _, verdict = self.machine.run(f"cat {files}").stdout.partition("\n")
        found = _parsed(verdict)
        return found if found.get("boot_id") == boot_id else {"of another boot": found}


def _parsed(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return {"said": text}
    return found


@contextmanager
def lab() -> Iterator[Lab]:
    """Yield a lab whose machine is off and blank; nothing of it is left afterwards."""
    with ExitStack() as after:
        after.enter_context(_only_one())
        image = tree.prepare(TREES)
        folder = HOME / "host-lab"
        machines.remove_leftovers()
        shutil.rmtree(folder, ignore_errors=True)
        after.callback(shutil.rmtree, folder)
        processes = Processes(folder / "logs")
        after.callback(network.remove)
        network.make()
        after.callback(processes.end_all)
        cloud = Cloud(folder, processes)
        cloud.start()
        images = Images(folder / "images", image, cloud.certificates)
        images.push(seed.GATEWAY_IMAGE, seed.ENGINE_IMAGE)
        seeded = _seed(cloud)
        cloud.launch(seeded.user_data)
        authority = cloud.certificates.authority.read_text()
        machine = Machine(folder / "disk", image, processes, authority)
        after.callback(machine.remove)
        yield Lab(cloud, machine, seeded, after)


def _seed(cloud: Cloud) -> seed.Seeded:
    with cloud.account():
        return network.within(network.CLOUD, seed.seed)


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold a name that the kernel gives back, however this process ends."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(_LOCK)
        except OSError as error:
            raise RuntimeError("another lab runs on this computer: wait for it") from error
        yield
