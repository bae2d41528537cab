"""Order a certificate with certbot: our key, our request, its ACME.

certbot keeps the account and nothing else: with a request of our own (--csr) it has no lineage to
renew, so a first order, a renewal and an order after a restore are the same. DNS-01 uses
dns_hook.py: certbot's Route53 plugin must list every zone of the account and picks one by name;
ours needs one zone's id, writes one name, and says which permission is missing.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from host.certificate import pairs, route53
from host.certificate.errors import Refused, Trouble
from host.certificate.remedies import remedy
from host.certificate.settings import SCRIPTS, Settings
from host.certificate.shelf import Held
from host.certificate.store import Files

log = logging.getLogger("lamplighter.certificate")

_SECONDS = 600  # for one order: Route53's wait is three minutes at most
_PROBE_SECONDS = 10
_REHEARSAL = "lamplighter"
_RAISED = re.compile(r"^(?:acme|requests)\.[\w.]+: .*", re.MULTILINE)


class Authority:
    """zones: makes a Route53 client; only DNS-01 needs one."""

    def __init__(self, settings: Settings, zones: Callable[[], Any]) -> None:
        self._settings, self._zones = settings, zones
        self._accounts = settings.acme / "config" / "accounts"

    def order(self, account: Files) -> Held:
        """Return a new certificate; raise Refused, or Trouble before the authority was asked."""
        self._rehearse()
        if not self.account():
            self._restore(account)
        try:
            return self._ordered()
        except Refused as error:
            if not error.is_account:
                raise
        log.warning("acme account not known at %s: making another", self._settings.directory)
        shutil.rmtree(self._accounts)
        return self._ordered()

    def account(self) -> Files:
        """Return the files of the account that this machine uses."""
        files = sorted(self._accounts.rglob("*.json"))
        return {str(path.relative_to(self._accounts)): path.read_text() for path in files}

    def _restore(self, account: Files) -> None:
        for name, text in account.items():
            path = self._accounts / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(text)

    def _rehearse(self) -> None:
        """Try what needs no authority first: it counts failed validations (five an hour)."""
        if self._settings.kind == "http-01":
            self._reach()
        else:
            self._write_record()

    def _write_record(self) -> None:
        host = self._settings.host
        try:
            client = self._zones()
            zone = route53.zone_of(client, self._settings.zone, host)
            route53.write(client, zone, host, _REHEARSAL)
            route53.remove(client, zone, host, _REHEARSAL)
        except (ClientError, BotoCoreError, Trouble) as error:
            raise Trouble(route53.explained(error, host)) from error

    def _reach(self) -> None:
        """Fetch a file from ourselves by our name, as the authority will."""
        folder = self._settings.webroot / ".well-known" / "acme-challenge"
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for each in (folder, folder.parent):
            each.chmod(0o755)  # nginx reads it as www-data
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix="rehearsal-") as file:
            file.write(file.name)
            file.flush()
            Path(file.name).chmod(0o644)
            url = f"http://{self._settings.host}/.well-known/acme-challenge/{Path(file.name).name}"
            try:
                with urllib.request.urlopen(url, timeout=_PROBE_SECONDS) as answer:
                    reached = answer.read(len(file.name) + 1).decode("ascii", "replace")
            except (OSError, urllib.error.URLError, ValueError) as error:
                reason = getattr(error, "reason", error)
                raise Trouble(f"{url} does not lead here yet ({reason}): {_PORT_80}") from error
            if reached != file.name:
                raise Trouble(f"{url} leads to another machine: {_PORT_80}")

    def _ordered(self) -> Held:
        key = pairs.new_key()
        self._settings.acme.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._settings.acme) as folder:
            place = Path(folder)
            pairs.request(key, self._settings.host, place / "request.pem")
            try:
                done = subprocess.run(  # noqa: S603 - our own arguments, one word each
                    self._command(place),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=_SECONDS,
                )
            except FileNotFoundError as error:
                raise Trouble(
                    "certbot is not installed: "
                    "run /opt/lamplighter/steps/70-certificate.sh again as root"
                ) from error
            except subprocess.TimeoutExpired as error:
                raise Refused(f"{self._settings.directory} took over {_SECONDS} s") from error
            if done.returncode != 0:
                raise self._refused(done.stdout + done.stderr + self._raised())
            chain = (place / "fullchain.pem").read_text()
        return Held("acme", self._settings.directory, pairs.parse(chain + key))

    def _command(self, place: Path) -> list[str]:
        settings = self._settings
        return [
            *("certbot", "certonly", "--non-interactive", "--agree-tos"),
            f"--email={settings.email}" if settings.email else "--register-unsafely-without-email",
            f"--server={settings.directory}",
            *(f"--{each}-dir={settings.acme / each}" for each in ("config", "work", "logs")),
            *("--max-log-backups=10", f"--csr={place / 'request.pem'}"),
            f"--cert-path={place / 'cert.pem'}",
            f"--chain-path={place / 'chain.pem'}",
            f"--fullchain-path={place / 'fullchain.pem'}",
            *self._challenge(),
        ]

    def _challenge(self) -> list[str]:
        if self._settings.kind == "http-01":
            return ["--webroot", f"--webroot-path={self._settings.webroot}"]
        folder = shlex.quote(str(SCRIPTS))
        hook = f"env --chdir={folder} python3 -B -m host.certificate.dns_hook"
        return [
            *("--manual", "--preferred-challenges=dns"),
            f"--manual-auth-hook={hook} write",
            f"--manual-cleanup-hook={hook} remove",
        ]

    def _raised(self) -> str:
        """Return the errors in certbot's log; Debian 12's may print a different one."""
        path = self._settings.acme / "logs" / "letsencrypt.log"
        text = path.read_text(errors="replace") if path.is_file() else ""
        return "\n".join(["", *_RAISED.findall(text)])

    def _refused(self, output: str) -> Refused:
        log.warning("certbot failed output=%s", json.dumps(output[-4000:]))
        problem, is_account = remedy(output, self._settings)
        return Refused(problem, is_account=is_account)


_PORT_80 = (
    "the A record must be this machine's address, and port 80 open to all addresses; "
    "or choose certificate.challenge dns-01"
)
