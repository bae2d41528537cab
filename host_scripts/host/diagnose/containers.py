"""Containers, images and GPUs: what docker and the driver say."""

from __future__ import annotations

import json
from typing import Any

from host.diagnose.places import Places
from host.machine.commands import answer

LABEL = "lamplighter"  # what our units run carries it
_EACH = "--format={{json .}}"
_GPU = (
    *("index", "name", "uuid", "driver_version", "pstate", "temperature.gpu", "power.draw"),
    *("utilization.gpu", "memory.used", "memory.total", "ecc.errors.uncorrected.volatile.total"),
)


def containers(places: Places) -> list[dict[str, Any]]:
    """Return all; ours with the state that docker knows. Not their environment: it has a token."""
    found = _objects(["docker", "ps", "--all", "--no-trunc", _EACH], places)
    names = [str(each.get("Names")) for each in found if is_ours(each)]
    if not names:
        return found
    shape = '--format={"Names": {{json .Name}}, "State": {{json .State}}}'
    states = _objects(["docker", "inspect", shape, *names], places)
    known = {str(each.get("Names")).lstrip("/"): each.get("State") for each in states}
    return [{**each, "Inspected": known.get(str(each.get("Names")))} for each in found]


def is_ours(container: dict[str, Any]) -> bool:
    """Ask by the label, as inference-cleanup.service does."""
    labels = str(container.get("Labels", "")).split(",")
    return any(label.partition("=")[0] == LABEL for label in labels)


def images(places: Places) -> list[dict[str, Any]]:
    return _objects(["docker", "images", "--no-trunc", "--digests", _EACH], places)


def gpus(places: Places) -> list[dict[str, str]]:
    """Return one row for each GPU, with units in its values."""
    words = ["nvidia-smi", f"--query-gpu={','.join(_GPU)}", "--format=csv,noheader"]
    rows = answer(words, places.for_a_command).splitlines()
    return [dict(zip(_GPU, row.split(", "), strict=False)) for row in rows if row.strip()]


def _objects(words: list[str], places: Places) -> list[dict[str, Any]]:
    """Read an object a line; a line that is none is shown as it is."""
    lines = answer(words, places.for_a_command).split("\n")
    return [_object(line) for line in lines if line.strip()]


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line, parse_constant=str)
    except (ValueError, RecursionError):
        return {"text": line}
    return found if isinstance(found, dict) else {"text": line}
