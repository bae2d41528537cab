"""Take over a changed configuration while requests run.

Once a second the document, and the files of the backends' keys, are looked at; the environment is
that of the start and still wins. A document with a mistake changes nothing: the last good settings
stay, and the log says what is wrong. A backend whose url stays is the same `Backend`, with all that
it has outstanding; one that is gone gets nothing new and ends what it has begun. What a reload
cannot change (`restart` in the reference) stays as it is, and the log says so.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from gateway.backends.backend import Backend, credential
from gateway.backends.routing import Routing
from gateway.core.log import event, logger
from gateway.settings.gateway_settings import InvalidSetting, Settings, config_file, reference

LOOK_SECONDS = 1.0

Stamp = tuple[int, ...] | None
_FIXED = [option.name for option in reference() if option.restart]


class Reload:
    """`apply` gets every new Settings, when `routing` has them and no request sees them yet."""

    def __init__(
        self,
        path: Path | None,
        environment: Mapping[str, str],
        routing: Routing,
        apply: Callable[[Settings], None],
    ) -> None:
        self._path = config_file(path, environment)
        self._environment = dict(environment)
        self._routing = routing
        self._apply = apply
        self._stamps = self._look()
        self._wrong: str | None = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.follow()
            except Exception:  # noqa: BLE001 -- a defect here must not end the looking
                logger.exception("reading the configuration again failed")

    def follow(self) -> None:
        """Read everything again if a file changed since the last look, or was wrong then."""
        stamps = self._look()
        if stamps == self._stamps and self._wrong is None:
            return
        try:
            self._take_over()
        except InvalidSetting as error:
            self._tell(str(error))
        else:
            self._wrong = None
        # What changed while it was read is seen the next time: the older stamp counts.
        self._stamps = {path: stamps.get(path, stamp) for path, stamp in self._look().items()}

    def _tell(self, wrong: str) -> None:
        if wrong != self._wrong:
            logger.warning("kept the last good configuration: %s", wrong)
        self._wrong = wrong

    def _take_over(self) -> None:
        settings = self._with_what_is_fixed(Settings.load(self._path, self._environment))
        backends = self._backends(settings)
        self._routing.adopt(settings, backends)
        self._apply(settings)
        self._routing.refresh()
        event("read the configuration again", backends=len(backends))

    def _with_what_is_fixed(self, settings: Settings) -> Settings:
        running = self._routing.settings
        fixed = {name: getattr(running, name) for name in _FIXED}
        waiting = [name for name in _FIXED if getattr(settings, name) != fixed[name]]
        if waiting:
            logger.warning("only a restart changes %s", ", ".join(waiting))
        return msgspec.structs.replace(settings, **fixed)

    def _backends(self, settings: Settings) -> list[Backend]:
        """Return those of the settings: the running one where the url stays. All or nothing."""
        running = {backend.settings.url: backend for backend in self._routing.backends}
        keys = [credential(one.api_key_file) for one in settings.backends]
        backends = [running.get(one.url) or Backend(one) for one in settings.backends]
        for backend, its, key in zip(backends, settings.backends, keys, strict=True):
            backend.adopt(its, key)
        return backends

    def _look(self) -> dict[Path, Stamp]:
        files = [one.settings.api_key_file for one in self._routing.backends]
        return {path: _stamp(path) for path in [self._path, *files] if path is not None}


def _stamp(path: Path) -> Stamp:
    """Return what changes when the file does; None while there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return (facts.st_mtime_ns, facts.st_size, facts.st_ino)
