"""Which unit does not stay up, and why: systemd's word, the journal's, and ours on both."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from host.agent import units
from host.agent.units import Down
from host.machine import systemd

ENGINE = "vllm@0.service"
GATED = "huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: Root=1)"
OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."


class Machine:
    """Systemd and a journal: runs of the engine, oldest first, and what each of them said."""

    def __init__(self, *runs: list[Any], state: str = "running", restarts: int = 0) -> None:
        self.runs, self.state, self.restarts = list(runs), state, restarts
        self.clock = 0.0
        self.asked: list[str] = []
        self.units = units.Units([ENGINE, "nginx.service"], lambda: self.clock, self.answer)

    def answer(self, command: Any) -> str:
        self.asked.append(command[0])
        return self.shown() if command[0] == "systemctl" else self.journal()

    def shown(self) -> str:
        engine = [ENGINE, self.state, f"run{len(self.runs) - 1}", str(self.restarts)]
        names = ("Id", "SubState", "InvocationID", "NRestarts")
        blocks = [engine, ["nginx.service", "running", "n", "0"]]
        return "\n\n".join(
            "\n".join(f"{k}={v}" for k, v in zip(names, block, strict=True)) for block in blocks
        )

    def journal(self) -> str:
        entries = [
            {"MESSAGE": line, "_SYSTEMD_INVOCATION_ID": f"run{number}"}
            for number, run in enumerate(self.runs)
            for line in run
        ]
        return "".join(json.dumps(entry) + "\n" for entry in entries)

    def down(self) -> Down | None:
        """Return what a fresh look says."""
        self.clock += units.EVERY
        return self.units.down()

    def starts_again(self, *said: Any) -> None:
        self.runs.append(list(said))
        self.restarts += 1
        self.state = "running"


def test_a_failed_unit_is_explained_by_its_errors_without_their_secrets() -> None:
    said = [
        "INFO loading weights",
        "Error response from daemon: No such container: vllm",
        "ValueError: token hf_abcdef123456 is odd",
        "INFO bye",
    ]
    down = Machine(said, state="failed", restarts=5).down()

    assert down is not None
    assert down.gave_up
    assert down.why == f"{ENGINE} gave up after 5 restarts: ValueError: token hf_*** is odd"


def test_a_failed_unit_is_explained_by_the_remedy_where_its_errors_are_known() -> None:
    down = Machine(["INFO", GATED], state="failed", restarts=5).down()

    assert down is not None
    assert "gave up after 5 restarts: the model is gated: accept its licence" in down.why


@pytest.mark.parametrize(
    ("said", "blame"),
    [
        (GATED, "configuration"),
        ("RuntimeError: No CUDA GPUs are available", "hardware"),
        ("Failed to initialize NVML: Driver/library version mismatch", None),
        ("ValueError: something new", None),
    ],
)
def test_what_has_to_change_is_known_where_the_error_is(said: str, blame: str | None) -> None:
    down = Machine([said], state="failed", restarts=5).down()

    assert down is not None
    assert down.blame == blame


def test_a_permanent_error_is_reported_after_the_first_crash() -> None:
    machine = Machine([GATED], state="auto-restart")

    down = machine.down()

    assert down is not None
    assert not down.gave_up
    assert down.why.startswith(f"{ENGINE} does not start: the model is gated")
    machine.starts_again("INFO loading")
    assert machine.down() == down


def test_a_possibly_transient_error_is_reported_after_the_second_crash_in_a_row() -> None:
    machine = Machine([OOM], state="auto-restart")

    first = machine.down()
    machine.starts_again(OOM)
    machine.state = "auto-restart"

    assert first is None
    assert "lower engine.max_model_len" in str(machine.down())


def test_what_served_since_is_forgiven() -> None:
    machine = Machine([OOM])
    machine.starts_again("INFO serving")
    machine.down()
    machine.units.served()
    machine.starts_again(OOM)

    assert machine.down() is None


def test_an_engine_that_was_killed_is_no_matter_of_its_settings() -> None:
    machine = Machine(["INFO serving"], state="auto-restart")

    assert machine.down() is None
    machine.starts_again("INFO loading")
    assert machine.down() is None


def test_only_the_words_of_the_last_run_that_ended_count() -> None:
    machine = Machine([GATED])
    machine.starts_again("INFO loaded, then killed")
    machine.starts_again("INFO loading")

    assert machine.down() is None


def test_how_much_is_loaded_is_read_from_the_present_run() -> None:
    shards = "Loading safetensors checkpoint shards: {:3d}% Completed | 1/4 [00:01<00:03]"
    machine = Machine([shards.format(100)])
    machine.starts_again("INFO")
    machine.down()
    before = machine.units.loaded_percent()
    machine.runs[-1] += [shards.format(25), shards.format(50)]
    machine.clock += units.EVERY

    assert (before, machine.units.loaded_percent()) == (None, 50)


HOSTILE = [
    'quote " and back\\slash \\u0000',
    "$$(reboot) `reboot`",
    "tab\tand\x1b[31mcolour\x00nul",
    list(b"ValueError: \xff\xfe no UTF-8"),
    "",
    None,
    [300],
    "x" * 1_000_000,  # in quadratic time this would take an hour
]


def test_b17_a_journal_may_hold_anything() -> None:
    machine = Machine(HOSTILE, state="failed", restarts=4)

    down = machine.down()

    assert down is not None
    assert "ValueError: \ufffd\ufffd no UTF-8" in down.why
    assert json.loads(json.dumps({"cause": down.why})) == {"cause": down.why}


@pytest.mark.parametrize("line", ["{", "[]", '"x"', '{"MESSAGE": "x"}', "\x00", "{}" * 9])
def test_a_damaged_line_of_the_journal_is_left_out(line: str) -> None:
    good = json.dumps({"MESSAGE": "good", "_SYSTEMD_INVOCATION_ID": "1"})

    assert systemd.entries(f"{line}\n{good}\n") == [("1", "good")]


def test_a_machine_without_systemd_has_no_failed_units() -> None:
    machine = Machine()
    machine.shown = lambda: ""  # type: ignore[method-assign]

    assert machine.down() is None
    assert machine.units.loaded_percent() is None
    assert systemd.run(["/absent/systemctl"]) == ""


def test_a_systemd_that_does_not_answer_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.shown = lambda: ""  # type: ignore[method-assign]

    with caplog.at_level(logging.WARNING):
        machine.down()
        machine.down()

    assert [record.message for record in caplog.records] == [
        "systemd does not answer: whether a unit gave up is not known"
    ]


def test_what_is_no_utf8_does_not_end_the_agent() -> None:
    assert systemd.run(["printf", r"\377"]) == "\ufffd"


def test_an_empty_journal_and_a_long_one_both_make_a_cause() -> None:
    assert systemd.cause([]) == "its journal is empty"
    assert len(systemd.cause(["RuntimeError: " + "x" * 5000])) == 600


def test_systemd_is_asked_every_five_seconds_at_most() -> None:
    machine = Machine(["INFO"])

    for machine.clock in (0.0, 4.9, 5.0):
        machine.units.down()

    assert machine.asked == ["systemctl", "systemctl"]
