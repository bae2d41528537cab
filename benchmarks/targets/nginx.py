"""The host's own nginx.conf, as a host renders it, but plain HTTP on loopback with one worker.

TLS is left out on both sides of the comparison: the routers do not end it either.
"""

import getpass
import re
import subprocess
from pathlib import Path

import jinja2

from benchmarks import ROOT
from benchmarks.errors import TemplateChanged
from benchmarks.system.processes import Command
from benchmarks.system.programs import find

TEMPLATE = ROOT / "host_scripts" / "templates" / "nginx.conf.j2"
_VALUES = {"endpoint_host": "", "default_timeout_seconds": 90, "max_timeout_seconds": 600}
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def command(folder: Path, *, port: int, upstream_port: int) -> Command:
    """Return nginx in front of the port. Raises MissingProgram, TemplateChanged."""
    program = find("nginx", package="nginx-light")
    folder = folder / "nginx"
    folder.mkdir(exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(configuration(folder, port=port, upstream_port=upstream_port), "utf-8")
    log = str(folder / "error.log")
    return Command("nginx", (program, "-c", str(file), "-e", log, "-g", "daemon off;"))


def version() -> str:
    program = find("nginx", package="nginx-light")
    said = subprocess.run((program, "-v"), capture_output=True, text=True, check=False).stderr
    return said.strip().rpartition("/")[2]


def configuration(folder: Path, *, port: int, upstream_port: int) -> str:
    text = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 -- nginx's language is not HTML
    ).from_string(TEMPLATE.read_text("utf-8"))
    conf = text.render(gateway_port=upstream_port, **_VALUES)
    for pattern, replacement in _swaps(folder, port):
        conf, count = re.subn(pattern, replacement, conf)
        if not count:
            raise TemplateChanged(f"{TEMPLATE.name} no longer matches {pattern!r}: see {__file__}")
    return conf


def _swaps(folder: Path, port: int) -> list[tuple[str, str]]:
    temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in _TEMPORARY)
    return [
        (r"(?s)    server \{\n        listen 80 .*?\n    \}\n", ""),
        (r"(?m)^ +ssl_.*;\n", ""),
        (r"listen 443 ssl http2 ", f"listen 127.0.0.1:{port} "),
        (r"worker_processes auto;", "worker_processes 1;"),
        (r"user www-data;", f"user {getpass.getuser()};"),
        (r"/run/nginx\.pid", f"{folder}/pid"),
        (r"/var/log/nginx/", f"{folder}/"),
        (r"http \{\n", f"http {{\n{temporary}"),
        # Here a single address holds all the streams.
        (r"limit_conn address \d+;", "limit_conn address 4096;"),
    ]
