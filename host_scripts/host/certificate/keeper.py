"""Decide which certificate to serve: the present one, the stored one, or a new order."""

from __future__ import annotations

import logging
from collections.abc import Callable

from host.certificate import pairs, tries
from host.certificate.authority import Authority
from host.certificate.errors import Trouble
from host.certificate.settings import Settings
from host.certificate.shelf import Held, Shelf
from host.certificate.store import Store

log = logging.getLogger("lamplighter.certificate")

FRESH_DAYS = 30.0  # with more left there is nothing to do

_SELF_SIGNED = {
    True: "the certificate is self-signed, as certificate.challenge says: clients cannot verify it",
    False: "the certificate is self-signed, because the deployment has no domain: clients cannot "
    "verify it; set dns.domain for one of an authority",
}


class Keeper:
    def __init__(
        self,
        settings: Settings,
        shelf: Shelf,
        store: Store,
        authority: Authority,
        elsewhere: Callable[[], str | None],
        now: Callable[[], float],
    ) -> None:
        """elsewhere: where the name leads when it is not to this host."""
        self._settings, self._shelf, self._store, self._authority = (
            settings,
            shelf,
            store,
            authority,
        )
        self._elsewhere, self._now = elsewhere, now
        self.awaits_name = False
        self._tries = settings.acme / "tries.json"

    def self_sign(self) -> None:
        """Serve a self-signed one if there is none: HTTPS answers from the first minute."""
        if self._shelf.held() is None:
            self._shelf.put(Held("self-signed", "", pairs.self_signed(self._settings.host)))

    def keep(self, *, orders: bool = True) -> str | None:
        """Serve the best; return what is wrong with it. orders: ask the authority if needed.

        awaits_name is then whether it only waits for the deployment's name to lead here.
        """
        self.awaits_name = False
        try:
            self.self_sign()
            if self._settings.kind == "self-signed":
                return self._self_signed()
            if self._settings.kind == "own":
                return self._own()
            return self._of_authority(orders=orders)
        except Trouble as error:
            return str(error)
        except OSError as error:
            return f"this machine cannot keep a certificate: {error}"

    def _self_signed(self) -> str:
        held = self._shelf.held()
        host = self._settings.host
        if held is None or held.kind != "self-signed" or not held.pair.covers(host or "localhost"):
            self._shelf.put(Held("self-signed", "", pairs.self_signed(host)))
        return _SELF_SIGNED[bool(host)]

    def _own(self) -> str | None:
        own = self._store.own(self._settings.own)
        days = own.pair.days_left(self._now())
        name = self._settings.own
        write = f"write a new one into the SSM parameter {name}; it is served within a day"
        if not own.pair.covers(self._settings.host):
            return f"your own certificate is not for {self._settings.host}: {write}"
        if days <= 0:
            return f"your own certificate has ended: {write}"
        if self._shelf.held() != own:
            self._shelf.put(own)
        if days <= FRESH_DAYS:
            return f"your own certificate ends in {days:.0f} days: {write}"
        return None

    def _of_authority(self, *, orders: bool) -> str | None:
        if self._is_fresh(self._shelf.held()):
            return self._stored_too()
        problem = self._restored()
        if self._is_fresh(self._shelf.held()):
            return problem
        if orders and (where := self._leads_elsewhere()):
            return f"{where}: the certificate is ordered as soon as the name leads here"
        known = tries.load(self._tries)
        if not orders or not known.are_due(self._now()):
            return known.problem or problem or "the authority has not answered yet"
        return self._ordered(known)

    def _leads_elsewhere(self) -> str | None:
        """Return where the name leads if HTTP-01 has to wait for that, as on a candidate."""
        where = self._elsewhere() if self._settings.kind == "http-01" else None
        self.awaits_name = where is not None
        return where

    def _restored(self) -> str | None:
        """Serve the stored one if it is better; return why it could not be read."""
        try:
            stored = self._store.certificate()
        except Trouble as error:
            log.warning("nothing restored: %s", error)
            return str(error)
        if stored is None or not self._fits(stored):
            return None
        held = self._shelf.held()
        if not self._fits(held) or (held and held.pair.not_after < stored.pair.not_after):
            self._shelf.put(stored)
        return None

    def _ordered(self, known: tries.Tries) -> str | None:
        """Order and serve; recorded as failed first, so that an interrupted order counts too."""
        tries.save(self._tries, known.failed(self._now(), "the last order was cut off"))
        try:
            self._shelf.put(self._authority.order(self._account()))
        except (Trouble, OSError) as error:
            after = known.failed(self._now(), str(error))
            tries.save(self._tries, after)
            log.warning("no certificate failures=%s problem=%s", after.failures, error)
            return str(error)
        finally:
            self._keep_account()
        tries.save(self._tries, tries.Tries())
        return self._stored_too()

    def _account(self) -> dict[str, str]:
        try:
            return self._store.account(self._settings.directory)
        except Trouble as error:
            log.warning("account not restored: %s", error)
            return {}

    def _keep_account(self) -> None:
        files = self._authority.account()
        if not files:
            return
        try:
            self._store.keep_account(self._settings.directory, files)
        except Trouble as error:
            log.warning("account not stored: %s", error)

    def _stored_too(self) -> str | None:
        """Store what is served, for the next machine."""
        held = self._shelf.held()
        if held is None:
            return "the certificate cannot be read"
        mark = self._settings.acme / "stored"
        if mark.is_file() and mark.read_text() == held.pair.chain:
            return None
        try:
            self._store.keep_certificate(held)
        except Trouble as error:
            return f"{error}; the next machine would have to order again"
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.write_text(held.pair.chain)
        return None

    def _fits(self, held: Held | None) -> bool:
        """Return whether it is from our authority, for our name, and not expired."""
        return (
            held is not None
            and (held.kind, held.origin) == ("acme", self._settings.directory)
            and held.pair.covers(self._settings.host)
            and held.pair.days_left(self._now()) > 0
        )

    def _is_fresh(self, held: Held | None) -> bool:
        return (
            held is not None and self._fits(held) and held.pair.days_left(self._now()) > FRESH_DAYS
        )
