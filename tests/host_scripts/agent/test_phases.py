"""The agent's decisions: pure, so every case is one line of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from host.agent import settings, spool
from host.agent.__main__ import run
from host.agent.phases import START, Broken, Check, Seen, State, Verdict, decide
from host_scripts.sandbox import SETTINGS, render

if TYPE_CHECKING:
    from pathlib import Path

WORKS = Seen(check=Check(Verdict.WORKS))
DEAD = Seen(check=Check(Verdict.DEAD, "refused"))
UNSURE = Seen(check=Check(Verdict.UNSURE, "too slow"))


def after(*looks: Seen, state: State = START) -> State:
    for seen in looks:
        state = decide(state, seen)
    return state


def test_a_host_says_what_its_setup_says() -> None:
    assert after(Seen(setup=State("images", 50))).said == ("images", 50, None)


HANGS = Seen(broken=Broken("engine", "it hangs"))


@pytest.mark.parametrize("look", [DEAD, UNSURE])
def test_b2_a_host_that_never_served_is_loading_for_as_long_as_it_takes(look: Seen) -> None:
    state = after(*[look] * 6000)

    assert state.phase == "loading"


def test_a_host_serves_at_the_first_check_that_passes() -> None:
    assert after(DEAD, DEAD, WORKS).said == ("serving", None, None)


def test_one_or_two_dead_checks_are_no_outage() -> None:
    assert after(WORKS, DEAD, DEAD).phase == "serving"
    assert after(WORKS, DEAD, DEAD, WORKS, DEAD, DEAD).phase == "serving"


def test_three_dead_checks_in_a_row_are_and_the_last_says_why() -> None:
    assert after(WORKS, DEAD, DEAD, DEAD).said == ("unhealthy", None, "refused")


def test_a_saturated_engine_is_busy_and_not_dead() -> None:
    assert after(WORKS, *[UNSURE] * 1000).phase == "serving"


def test_a_slow_check_between_two_dead_ones_does_not_prove_life() -> None:
    assert after(WORKS, DEAD, UNSURE, DEAD, UNSURE, DEAD).phase == "unhealthy"


def test_an_unhealthy_host_says_so_until_it_serves_again() -> None:
    state = after(WORKS, DEAD, DEAD, DEAD, UNSURE, DEAD)

    assert state.phase == "unhealthy"
    assert after(WORKS, state=state).phase == "serving"


def test_what_is_proved_broken_needs_no_second_look_and_names_its_part() -> None:
    state = after(WORKS, HANGS)

    assert state == State("unhealthy", cause="it hangs", mends="engine", urgent=True)


def test_b2_an_engine_that_was_started_again_loads_for_as_long_as_it_takes() -> None:
    """Until something serves there is nothing more to mend; the first cause stays."""
    state = after(WORKS, HANGS, *[DEAD] * 6000)

    assert state == State("unhealthy", cause="it hangs")
    assert after(UNSURE, state=state).mends is None
    assert after(WORKS, state=state) == State("serving")


def test_a_part_that_is_still_broken_after_its_repair_stays_to_be_mended() -> None:
    gateway = Seen(check=Check(Verdict.DEAD, "502", mends="gateway"))

    assert after(WORKS, *[gateway] * 9).mends == "gateway"
    assert after(WORKS, HANGS, UNSURE) == after(WORKS, HANGS)


def test_a_unit_that_systemd_gave_up_on_is_a_failure_with_its_cause() -> None:
    state = after(DEAD, Seen(gave_up="vllm.service gave up: out of memory"))

    assert state.said == ("failed", None, "vllm.service gave up: out of memory")


def test_a_unit_started_again_by_hand_is_loading_again() -> None:
    assert after(Seen(gave_up="why"), DEAD).phase == "loading"


def test_progress_is_reported_of_a_new_engine_and_not_of_one_that_served() -> None:
    loads = Seen(check=Check(Verdict.DEAD, "refused"), loading=("weights", 40))

    assert after(loads) == State("weights", 40, "refused")
    assert after(WORKS, loads).phase == "serving"


def test_the_count_of_dead_checks_is_no_news_for_the_orchestrator() -> None:
    assert after(WORKS, DEAD).said == after(WORKS).said


def spooled(tmp_path: Path, text: str) -> State | None:
    path = tmp_path / "phase"
    path.write_text(text)
    return spool.read(path)


def test_no_spool_means_that_the_setup_is_over(tmp_path: Path) -> None:
    assert spool.read(tmp_path / "absent") is None
    assert spooled(tmp_path, '{"phase": "done", "percent": 100, "cause": null}') is None


def test_a_spooled_failure_has_no_percentage(tmp_path: Path) -> None:
    state = spooled(tmp_path, '{"phase": "failed", "percent": 0, "cause": "no GPU"}')

    assert state == State("failed", None, "no GPU")


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "{}"])
def test_a_spool_that_cannot_be_read_is_said_and_survived(tmp_path: Path, text: str) -> None:
    state = spooled(tmp_path, text)

    assert state is not None
    assert state.phase == "booting"
    assert "cannot be read" in str(state.cause)


def test_values_with_spaces_and_equal_signs_are_taken_as_they_stand() -> None:
    text = "# A=comment\nVLLM_ARGS=--a b --c=d\n\nEMAIL=\n"

    assert settings.parse(text) == {"VLLM_ARGS": "--a b --c=d", "EMAIL": ""}


@pytest.mark.parametrize(
    ("engine", "url"),
    [("gpu", "http://127.0.0.1:8000"), ("cpu", "http://127.0.0.1:8000"), ("none", None)],
)
def test_an_engine_is_asked_on_a_gpu_and_without(
    engine: str, url: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "deployment.env"
    path.write_text(render("deployment.env.j2", **{**SETTINGS, "engine": engine}))

    assert settings.load({"DEPLOYMENT_ENV": str(path)}).chain.engine == url


class Enough(Exception):
    pass


def test_the_agent_looks_fast_until_it_serves_and_calmly_afterwards() -> None:
    looks = iter([DEAD, DEAD, WORKS, WORKS, DEAD, DEAD, DEAD])
    pauses: list[float] = []
    told: list[str] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 7:
            raise Enough

    with pytest.raises(Enough):
        run(
            lambda _: next(looks),
            lambda state: state,
            lambda state, _: told.append(state.phase),
            look_seconds=5.0,
            now=lambda: 0.0,
            sleep=sleep,
        )

    assert pauses == [0.3, 0.3, 5.0, 5.0, 5.0, 5.0, 0.3]
    assert told == ["loading"] * 2 + ["serving"] * 4 + ["unhealthy"]
