"""Apply a changed configuration while requests run.

Once a second the document and the files of the backends' keys are checked; the environment is that
of the start and still wins. A document with a mistake changes nothing: the last good settings
stay, and the log says what is wrong. A backend whose url stays is the same `Backend`, with all that
it has outstanding; one that is gone gets nothing new and ends what it has begun. What a reload
cannot change (`restart` in the reference) stays as it is, and the log says so.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from gateway.core.log import event, logger
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings, config_file, reference

LOOK_SECONDS = 1.0

Stamp = tuple[int, ...] | None
_FIXED = [option.name for option in reference() if option.restart]


class Reload:
    """`current` returns the settings in force; `apply` replaces them, or raises InvalidSetting.

    `wrong`: the mistake for which the document is not in force.
    """

    def __init__(
        self,
        path: Path | None,
        environment: Mapping[str, str],
        current: Callable[[], Settings],
        apply: Callable[[Settings], None],
    ) -> None:
        self._path = config_file(path, environment)
        self._environment = dict(environment)
        self._current = current
        self._apply = apply
        self._stamps = self._look()
        self.wrong: str | None = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.follow()
            except Exception:  # noqa: BLE001 -- a defect here must not end the watching
                logger.exception("reading the configuration again failed")

    def follow(self) -> None:
        """Read everything again if a file changed since the last look, or was wrong then."""
        stamps = self._look()
        if stamps == self._stamps and self.wrong is None:
            return
        try:
            self._take_over()
        except InvalidSetting as error:
            self._warn(str(error))
        else:
            self.wrong = None
        # What changed while it was read is seen the next time: the older stamp counts.
        self._stamps = {path: stamps.get(path, stamp) for path, stamp in self._look().items()}

    def _warn(self, wrong: str) -> None:
        if wrong != self.wrong:
            logger.warning("kept the last good configuration: %s", wrong)
        self.wrong = wrong

    def _take_over(self) -> None:
        settings = self._with_what_is_fixed(Settings.load(self._path, self._environment))
        self._apply(settings)
        event("read the configuration again", backends=len(settings.backends))

    def _with_what_is_fixed(self, settings: Settings) -> Settings:
        running = self._current()
        fixed = {name: getattr(running, name) for name in _FIXED}
        waiting = [name for name in _FIXED if getattr(settings, name) != fixed[name]]
        if waiting:
            logger.warning("only a restart changes %s", ", ".join(waiting))
        return msgspec.structs.replace(settings, **fixed)

    def _look(self) -> dict[Path, Stamp]:
        backends = self._current().backends
        files = [file for one in backends for file in (one.api_key_file, one.ca_file)]
        return {path: _stamp(path) for path in [self._path, *files] if path is not None}


def _stamp(path: Path) -> Stamp:
    """Return what changes when the file does; None while there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return (facts.st_mtime_ns, facts.st_size, facts.st_ino)
