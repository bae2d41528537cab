"""The machine: systemd-nspawn on an overlay of the tree, run as EC2 runs an instance.

What it is not: it has no GPU and no kernel of its own; memory and process limits are not enforced
(the lab's cgroup has no controllers), and the tree is Debian's where EC2 boots Ubuntu's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from machine.lab.cloud import network
from machine.lab.processes import Processes
from patience import eventually

NAME = "lamplighter-lab"
_LOOP = Path(__file__).with_name("machine.sh")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_MASKED = ("getty@tty1.service", "console-getty.service", "apt-daily.timer",
           "apt-daily-upgrade.timer", "e2scrub_reap.service", "e2scrub_all.timer")  # fmt: skip
_CLOUD_INIT = """\
datasource_list: [Ec2Lab]
datasource:
  Ec2: {strict_id: false, max_wait: 20, timeout: 5}
network: {config: disabled}
locale: false
apt: {preserve_sources_list: true}
ssh_genkeytypes: []
"""
_DATA_SOURCE = '''\
"""EC2's data source; a container has no DMI by which it would see that this is EC2."""
from cloudinit import sources
from cloudinit.sources import DataSourceEc2 as ec2

ec2.identify_platform = lambda: ec2.CloudNames.AWS


class DataSourceEc2Lab(ec2.DataSourceEc2):
    pass


def get_datasource_list(depends):
    needs = (sources.DEP_FILESYSTEM, sources.DEP_NETWORK)
    return sources.list_from_depends(depends, [(DataSourceEc2Lab, needs)])
'''


# nspawn gives each boot its own boot_id by a mount in /proc; a service with a /proc of its own
# would see this computer's instead.
_OWN_BOOT_ID = """\
[Service]
ProtectProc=default
ProtectKernelTunables=no
ProtectControlGroups=no
"""


# Nobody here may have more open files than this computer's own limit.
_OPEN_FILES = "[Service]\nEnvironment=OPEN_FILES=20000\n"


class Machine:
    """disk: its folder, which outlives power cuts; tree: the image; authority: PEM to trust."""

    def __init__(self, disk: Path, tree: Path, processes: Processes, authority: str) -> None:
        self.disk, self.tree, self.processes = disk, tree, processes
        self._authority = authority
        self._prepare()

    def boot(self) -> None:
        command = ["bash", str(_LOOP), str(self.tree), str(self.disk), NAME, network.MACHINE]
        self.processes.start(
            "machine", ["unshare", "--mount", "--propagation", "private", *command]
        )
        self.processes.wait_for("machine", lambda: self.leader() is not None)

    def power_cut(self) -> None:
        """The whole machine ends at once, as it stands; its disk stays."""
        leader = self.leader()
        assert leader is not None, "the machine is off already"
        os.kill(leader, signal.SIGKILL)
        self.processes.wait("machine", seconds=20)

    def replace(self) -> None:
        """A new machine in its place: the disk is blank again. It is off."""
        self.remove()
        self._prepare()

    def remove(self) -> None:
        if self.leader() is not None:
            self.power_cut()
        remove_leftovers()
        shutil.rmtree(self.disk)

    def leader(self) -> int | None:
        """Return the process id, outside, of the machine's init; None while it is off."""
        for loop in _children(self.processes.pid("machine")):
            for init in _children(loop):
                if _name(init) == "systemd":
                    return init
        return None

    def run(self, command: str, *, unprivileged: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside, as root or as nobody; stderr is part of stdout."""
        leader = eventually(self.leader, lambda pid: pid is not None, 20)
        return subprocess.run(
            [
                *("nsenter", "--target", str(leader), "--all"),
                *("env", "-i", f"PATH={_PATH}", "HOME=/root", "TERM=dumb"),
                *(_NOBODY if unprivileged else ()),
                *("bash", "-c", f"cd /; {command}"),
            ],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def said(self, command: str) -> str:
        """Return what the command said; fail when it failed."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}"
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        Path(f"/proc/{self.leader()}/root{path}").write_text(text)

    def boot_id(self) -> str:
        return self.said("cat /proc/sys/kernel/random/boot_id")

    def _prepare(self) -> None:
        """Write what EC2's image and its first boot find: our files lie on top of the tree's."""
        for name in ("upper", "work", "root", "docker", "containerd"):
            (self.disk / name).mkdir(parents=True)
        authority = self._authority
        bundle = (self.tree / _BUNDLE).read_text()
        files = {
            _BUNDLE: bundle + authority,
            "usr/local/share/ca-certificates/lab.crt": authority,
            "etc/resolv.conf": f"nameserver {network.AWS}\n",
            "etc/hosts": "127.0.0.1 localhost\n",
            "etc/hostname": "machine\n",
            "etc/fstab": "",
            "etc/machine-id": "",
            "etc/cloud/cloud.cfg.d/99-lab.cfg": _CLOUD_INIT,
            "etc/systemd/system/inference-verify.service.d/lab.conf": _OWN_BOOT_ID,
            "usr/lib/systemd/system/inference-app.service.d/lab.conf": _OPEN_FILES,
            "usr/lib/systemd/system/vllm@.service.d/lab.conf": _OPEN_FILES,
            "usr/lib/python3/dist-packages/DataSourceEc2Lab.py": _DATA_SOURCE,
        }
        upper = self.disk / "upper"
        for name, text in files.items():
            (upper / name).parent.mkdir(parents=True, exist_ok=True)
            (upper / name).write_text(text)
        units = upper / "etc/systemd/system"
        for unit in _MASKED:
            (units / unit).symlink_to("/dev/null")


def is_left() -> bool:
    """Return whether the machine's cgroup is still there, empty or not."""
    return _in_cgroup2('[ -e "$machine" ]') == 0


def remove_leftovers() -> None:
    """End what runs in the machine's cgroup, also that of a test run that was killed."""
    remove = """\
[ -e "$machine" ] || exit 0
echo 1 >"$machine/cgroup.kill"
find "$machine" -depth -type d -exec rmdir {} +
"""
    eventually(lambda: _in_cgroup2(remove), lambda status: status == 0, 10)


_IN_CGROUP2 = """\
root=$(mktemp --directory)
trap 'umount "$root"; rmdir "$root"' EXIT
mount -t cgroup2 none "$root"
machine=$root/%s
"""


def _in_cgroup2(command: str) -> int:
    """Return its status, run where $machine is the cgroup; cgroup2 may be mounted nowhere yet."""
    private = ["unshare", "--mount", "--propagation", "private"]
    return subprocess.run(
        [*private, "bash", "-c", f"set -e\n{_IN_CGROUP2 % NAME}{command}"],
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode


def _children(pid: int) -> list[int]:
    """Read from every process's own line: not every kernel lists a process's children."""
    everybody = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return [each for each in everybody if pid and _parent(each) == pid]


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it has ended meanwhile
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
