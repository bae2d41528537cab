"""Our units: what systemd says of each, and the end of its journal."""

from __future__ import annotations

from functools import partial
from typing import Any

from host.diagnose.gathering import gather
from host.diagnose.places import Places
from host.diagnose.texts import LINES
from host.machine.commands import answer
from host.machine.systemd import parse

_KINDS = {".service", ".target", ".timer", ".path"}
LIVE_ON = ("docker.service",)  # not ours, but ours need it
_SHOWN = (
    *("Id", "LoadState", "UnitFileState", "ActiveState", "SubState", "Result", "Restart"),
    *("NRestarts", "ExecMainStatus", "ActiveEnterTimestamp", "InvocationID"),
)


def units(places: Places) -> dict[str, Any]:
    show = ["systemctl", "show", f"--property={','.join(_SHOWN)}", *ours(places), *LIVE_ON]
    shown = {unit.pop("Id"): unit for unit in parse(answer(show, places.for_a_command))}
    loaded = [name for name, unit in shown.items() if unit.get("LoadState") != "not-found"]
    ask = partial(_journal, places.for_a_command)
    journals = gather({name: partial(ask, name) for name in loaded}, places.seconds / 2)
    return {name: {**unit, "journal": journals.get(name)} for name, unit in shown.items()}


def ours(places: Places) -> list[str]:
    """Return the units that files/ brings or adds to; a template runs as the instance named there.

    recover.sh goes by the same rule.
    """
    names = {path.name.removesuffix(".d") for path in (places.scripts / "files").iterdir()}
    return sorted(n for n in names if n[n.rfind(".") :] in _KINDS and "@." not in n)


def _journal(seconds: float, name: str) -> str:
    shape = [f"--lines={LINES}", "--output=short-iso", "--all", "--no-pager"]
    return answer(["journalctl", "--unit", name, *shape], seconds)


def failed(places: Places) -> list[str]:
    """Return the names of all units of this machine that have failed, ours and others."""
    words = ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full"]
    lines = answer(words, places.for_a_command).splitlines()
    return [line.split()[0] for line in lines if line.split()]
