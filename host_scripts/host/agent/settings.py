"""The agent's settings: deployment.env says what to serve, the environment where things are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from host.gateway.document import View
from host.machine.settings import parse
from host.probes import chain as chains
from host.probes.chain import Chain


@dataclass(frozen=True, slots=True)
class Settings:
    """chain: where the parts of this host answer. release: of Lamplighter, that launched it.

    gateway_settings: `ACCOUNT/BUCKET/KEY` of the gateway's settings; gateway: what it sees of this
    host. Without keys_file, settings_file and status_file nothing is written for the gateway;
    without repair_file (the request) and repairs_file (what was done) nothing is repaired; without
    drain_file (the request) and nginx_drain_file (what was done) no nginx is led to drain.
    served_file: see progress.py. machine_file, certificate_file, weights_file: written by other
    programs of this host.
    """

    deployment: str
    region: str
    event_bus: str
    api_key_parameter: str
    keys_path: str
    gateway_settings: str
    metrics_namespace: str
    report_seconds: float
    chain: Chain
    instance_id: str | None
    gateway: View
    phase_file: Path
    units: tuple[str, ...]
    keys_file: Path | None = None
    settings_file: Path | None = None
    keys_seconds: float = 30.0  # a new key works, and a revoked one fails, within a minute
    order_seconds: float = 3.0  # between two looks at the orchestrator's order
    look_seconds: float = 5.0  # between two looks at a host that serves
    repair_patience_seconds: float = 30.0  # for systemd's own restart of a part
    status_file: Path | None = None
    repair_file: Path | None = None
    repairs_file: Path | None = None
    drain_file: Path | None = None
    nginx_drain_file: Path | None = None
    served_file: Path | None = None
    machine_file: Path | None = None
    certificate_file: Path | None = None
    weights_file: Path | None = None
    release: str = ""


def load(environ: Mapping[str, str]) -> Settings:
    """Raise KeyError naming the setting that deployment.env lacks, OSError without the file."""
    path = Path(environ.get("DEPLOYMENT_ENV", "/opt/lamplighter/deployment.env"))
    values = parse(path.read_text())
    return Settings(
        deployment=values["DEPLOYMENT"],
        release=values["RELEASE"],
        region=values["AWS_REGION"],
        event_bus=values["EVENT_BUS"],
        api_key_parameter=values["API_KEY_PARAMETER"],
        keys_path=values["KEYS_PATH"],
        gateway_settings=values["GATEWAY_SETTINGS"],
        gateway=_view(environ),
        metrics_namespace=values["METRICS_NAMESPACE"],
        report_seconds=float(values["REPORT_SECONDS"]),
        chain=chains.load(values, environ),
        instance_id=environ.get("INSTANCE_ID") or None,
        phase_file=Path(environ.get("PHASE_FILE", "/run/lamplighter/phase")),
        units=tuple(environ.get("UNITS", "").split()),
        keys_file=_path(environ, "KEYS_FILE"),
        settings_file=_path(environ, "SETTINGS_FILE"),
        keys_seconds=float(environ.get("KEYS_SECONDS", "30")),
        order_seconds=float(environ.get("ORDER_SECONDS", "3")),
        look_seconds=float(environ.get("LOOK_SECONDS", "5")),
        repair_patience_seconds=float(environ.get("REPAIR_PATIENCE_SECONDS", "30")),
        status_file=_path(environ, "STATUS_FILE"),
        repair_file=_path(environ, "REPAIR_FILE"),
        repairs_file=_path(environ, "REPAIRS_FILE"),
        drain_file=_path(environ, "DRAIN_FILE"),
        nginx_drain_file=_path(environ, "NGINX_DRAIN_FILE"),
        served_file=_path(environ, "SERVED_FILE"),
        machine_file=_path(environ, "MACHINE_FILE"),
        certificate_file=_path(environ, "CERTIFICATE_FILE"),
        weights_file=_path(environ, "WEIGHTS_FILE"),
    )


def _view(environ: Mapping[str, str]) -> View:
    usual = View()
    return View(
        environ.get("ENGINE_BACKEND") or usual.engine,
        _path(environ, "GATEWAY_FOLDER") or usual.folder,
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None
