"""A changed configuration is taken over while requests run, and a wrong one changes nothing."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from gateway.backends.backend import Backend
from gateway.backends.host_status import HostStatus
from gateway.backends.routing import Routing
from gateway.settings import reload
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings
from gateway.settings.reload import Reload

ONE = "backends: [{url: 'http://a:1', models: [m]}]\n"
TWO = "backends: [{url: 'http://a:1', models: [m]}, {url: 'http://b:1', models: [m, n]}]\n"


@dataclass
class Lab:
    path: Path
    routing: Routing
    applied: list[Settings]
    reload: Reload = field(init=False)

    def prepare(self, settings: Settings) -> None:
        self.applied.append(settings)

    def write(self, text: str) -> None:
        """Move a new document into place, as an administrator is told to."""
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.path)
        self.reload.follow()

    def backend(self, name: str) -> Backend:
        return next(one for one in self.routing.backends if one.name == name)


def lab(path: Path, text: str = ONE, **environment: str) -> Lab:
    path.write_text(text)
    environment = {"INFERENCE_CONFIG": str(path)} | environment
    settings = Settings.load(None, environment)
    routing = Routing(settings, [Backend(one) for one in settings.backends], HostStatus(None))
    applied: list[Settings] = []
    here = Lab(path, routing, applied)

    def apply(changed: Settings) -> None:
        routing.reconfigure(changed, lambda: here.prepare(changed))

    here.reload = Reload(None, environment, lambda: routing.settings, apply)
    return here


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


def test_an_added_backend_gets_requests_and_the_running_one_keeps_what_it_has(path: Path) -> None:
    here = lab(path)
    running = here.backend("a:1")
    running.outstanding = 3

    here.write(TWO)

    assert here.backend("a:1") is running
    assert here.routing.choose(here.routing.resolve("m"), 1, None) is here.backend("b:1")
    assert here.routing.resolve("n").backends == (here.backend("b:1"),)
    assert (running.outstanding, running.retired) == (3, False)


def test_a_backend_that_is_taken_away_gets_nothing_new(path: Path) -> None:
    here = lab(path, TWO)
    gone = here.backend("b:1")
    gone.outstanding = 1
    waiting = here.routing.resolve("m")

    here.write(ONE)

    assert (gone.retired, gone.outstanding) == (True, 1)
    assert waiting.backends == (here.backend("a:1"),)


def test_other_models_and_limits_of_a_backend_are_taken_over_in_place(path: Path) -> None:
    here = lab(path)
    running = here.backend("a:1")

    here.write("backends: [{url: 'http://a:1', models: [x], max_in_flight: 7}]\naliases: {y: x}")

    assert (running.models, running.limit) == ({"x"}, 7)
    assert here.routing.resolve("y").served == "x"


def test_who_prepares_a_new_backend_is_called_before_a_waiting_request_may_get_it(
    path: Path,
) -> None:
    here = lab(path)
    order: list[object] = []
    here.routing.changed = lambda: order.append("requests see it")
    here.prepare = lambda _: order.append(here.backend("b:1").name)

    here.write(TWO)

    assert order == ["b:1", "requests see it"]


def test_models_that_are_no_longer_set_are_those_that_were_learned(path: Path) -> None:
    here = lab(path)
    running = here.backend("a:1")
    running.learned({"own": b'{"id":"own"}'})
    assert running.models == {"m"}

    here.write("backends: [{url: 'http://a:1'}]")

    assert running.models == {"own"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("backends: [{url: 'http://a:1'}, {url: 'nonsense'}]", "nonsense"),
        ("queue_length: many", "queue_length is 'many'"),
        ("", "is empty"),
        (
            "backends: [{url: 'http://a:1', max_in_flight: 1, api_key_file: /nowhere}]",
            "api_key_file /nowhere cannot be read",
        ),
    ],
)
def test_a_wrong_document_changes_nothing_and_the_log_says_why_once(
    path: Path, text: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    here = lab(path, TWO)
    before = (here.routing.settings, here.routing.backends, here.backend("a:1").limit)

    here.write(text)
    here.reload.follow()

    assert (here.routing.settings, here.routing.backends, here.backend("a:1").limit) == before
    assert here.applied == []
    assert caplog.text.count("kept the last good configuration") == 1
    assert reason in caplog.text


def test_a_document_that_is_gone_changes_nothing_until_it_is_back(path: Path) -> None:
    here = lab(path)
    path.unlink()

    here.reload.follow()
    assert here.applied == []
    here.write(TWO)

    assert [len(settings.backends) for settings in here.applied] == [2]


def test_a_document_that_was_wrong_is_taken_over_once_the_file_it_lacked_is_there(
    path: Path, tmp_path: Path
) -> None:
    here = lab(path)
    key = tmp_path / "key"

    here.write(f"backends: [{{url: 'http://b:1', api_key_file: {key}}}]")
    assert here.applied == []
    key.write_text("k")
    here.reload.follow()

    assert here.backend("b:1").authorization == b"Bearer k"


def test_nothing_is_read_while_nothing_changes(path: Path) -> None:
    here = lab(path)

    here.reload.follow()
    here.reload.follow()

    assert here.applied == []


def test_the_environment_of_the_start_still_wins(path: Path) -> None:
    here = lab(path, ONE + "queue_length: 5", INFERENCE_QUEUE_LENGTH="9")

    here.write(ONE + "queue_length: 6\nmax_n: 2")

    assert [(one.queue_length, one.max_n) for one in here.applied] == [(9, 2)]
    assert here.routing.settings is here.applied[0]


def test_what_only_a_restart_changes_stays_and_the_log_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = lab(path)

    here.write(ONE + "docs: false\nkeys_file: /tmp/other\nmax_n: 2")

    assert (here.applied[0].docs, here.applied[0].keys_file) == (True, None)
    assert here.applied[0].max_n == 2
    assert "only a restart changes keys_file, docs" in caplog.text


def test_a_new_key_for_a_backend_is_taken_over(path: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("first")
    here = lab(path, f"backends: [{{url: 'http://a:1', api_key_file: {key}}}]")
    assert here.backend("a:1").authorization == b"Bearer first"

    key.write_text("second one is wrong")
    here.reload.follow()
    assert here.backend("a:1").authorization == b"Bearer first"
    key.write_text("third")
    os.utime(key, ns=(1, 1))
    here.reload.follow()

    assert here.backend("a:1").authorization == b"Bearer third"


@pytest.mark.parametrize("text", ["", " \n", "two words", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_key_file_that_holds_no_key_is_named(path: Path, tmp_path: Path, text: str) -> None:
    key = tmp_path / "key"
    key.write_text(text)

    with pytest.raises(InvalidSetting, match=str(key)) as told:
        lab(path, f"backends: [{{url: 'http://a:1', api_key_file: {key}}}]")

    assert not text.strip() or text not in str(told.value)


async def test_a_running_gateway_looks_by_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "LOOK_SECONDS", 0.01)
    here = lab(path)
    task = asyncio.create_task(here.reload.run())

    path.write_text(TWO)  # noqa: ASYNC240 -- a small file, and nobody waits
    async with asyncio.timeout(5):
        while not here.applied:  # noqa: ASYNC110 -- what is waited for has no event of its own
            await asyncio.sleep(0.01)

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(here.routing.backends) == 2
