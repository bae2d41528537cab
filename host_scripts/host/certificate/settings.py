"""The settings of the certificate, out of deployment.env, and the folders in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from host.certificate.errors import Trouble
from host.machine.metadata import ORIGIN
from host.machine.settings import parse

SCRIPTS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Settings:
    """host: empty without a domain; zone: empty when it is to be looked up in Route53.

    name_seconds: between two looks at where the name leads; metadata: the service's origin.
    """

    installation: str
    deployment: str
    region: str
    host: str
    email: str
    kind: str
    own: str
    directory: str
    zone: str
    path: str
    tls: Path
    acme: Path
    webroot: Path
    verdict: Path
    name_seconds: float = 15.0
    metadata: str = ORIGIN


def load(environ: Mapping[str, str]) -> Settings:
    """Raise Trouble naming the setting that deployment.env lacks, OSError without the file."""
    file = SCRIPTS / "deployment.env"
    try:
        return _parsed(parse(file.read_text()), environ)
    except KeyError as error:
        text = f"{file} has no {error.args[0]}: render it again from deployment.env.j2"
        raise Trouble(text) from error


def _parsed(values: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    return Settings(
        installation=values["INSTALLATION"],
        deployment=values["DEPLOYMENT"],
        region=values["AWS_REGION"],
        host=values["ENDPOINT_HOST"],
        email=values["EMAIL"],
        kind=values["CERTIFICATE"] if values["ENDPOINT_HOST"] else "self-signed",
        own=values["OWN_CERTIFICATE"],
        directory=values["ACME_DIRECTORY"],
        zone=values["HOSTED_ZONE"],
        path=values["TLS_PATH"],
        tls=Path(environ.get("ETC", "/etc")) / "lamplighter" / "tls",
        acme=Path(environ.get("STATE", "/var/lib")) / "lamplighter" / "acme",
        webroot=Path(environ.get("WWW", "/var/www")) / "acme",
        verdict=Path(environ.get("RUN", "/run")) / "lamplighter" / "certificate",
        name_seconds=float(environ.get("NAME_SECONDS", "15")),
        metadata=environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", ORIGIN),
    )
