import pytest

from benchmarks.report.goals import judge
from benchmarks.report.summary import summarise

CHUNK = "gateway: CPU per chunk, as a multiple of sglang-router's"
REQUEST = "gateway: CPU per request, as a multiple of sglang-router's"
BOTH_CHUNK = "nginx+gateway: CPU per chunk, as a multiple of sglang-router's"
LITELLM = "gateway: litellm's CPU per request, as a multiple of ours"
MEMORY = "gateway: MiB resident at 512 streams"
ERRORS = "gateway: errors under all loads"


@pytest.fixture
def verdicts():
    """Return the verdicts by their text."""
    return lambda *samples: {one.text: one for one in judge(summarise(list(samples)))}


@pytest.mark.parametrize(("cost", "met"), [(20.0, True), (20.1, False)])
def test_the_limit_itself_is_still_met(sample, verdicts, cost, met):
    told = verdicts(
        sample("gateway", "streams512", cost), sample("sglang-router", "streams512", 20.0)
    )

    assert told[CHUNK].met is met
    assert told[CHUNK].value == pytest.approx(cost / 20)


def test_each_load_is_judged_by_itself(sample, verdicts):
    told = verdicts(
        sample("gateway", "requests", 130.0),
        sample("sglang-router", "requests", 100.0),
        sample("gateway", "streams512", 10.0),
        sample("sglang-router", "streams512", 20.0),
    )

    assert told[REQUEST].met is False
    assert told[CHUNK].met is True


@pytest.mark.parametrize(("theirs", "met"), [(10_000.0, True), (9_999.0, False)])
def test_litellm_must_cost_a_hundred_times_as_much(sample, verdicts, theirs, met):
    told = verdicts(sample("gateway", "requests", 100.0), sample("litellm", "requests", theirs))

    assert told[LITELLM].met is met


def test_the_median_of_the_rounds_counts(sample, verdicts):
    rounds = [sample("gateway", "streams512", cost) for cost in (10.0, 11.0, 500.0)]

    told = verdicts(*rounds, sample("sglang-router", "streams512", 11.0))

    assert told[CHUNK].value == pytest.approx(1.0)


def test_memory_and_errors_are_the_worst_of_the_rounds(sample, verdicts):
    told = verdicts(
        sample("gateway", "streams512", 1.0, peak_bytes=121 * 1024 * 1024),
        sample("gateway", "streams512", 1.0),
        sample("gateway", "requests", 1.0, errors=1),
    )

    assert (told[MEMORY].value, told[MEMORY].met) == (121.0, False)
    assert (told[ERRORS].value, told[ERRORS].met) == (1, False)


def test_the_errors_of_all_rounds_are_added_up(sample, verdicts):
    rounds = [sample("gateway", "requests", 1.0, errors=errors) for errors in (2, 0, 3)]

    assert verdicts(*rounds)[ERRORS].value == 5


def test_a_load_without_a_single_answer_misses_the_goal(sample, verdicts):
    nothing = sample("gateway", "streams512", 1.0, units=0)

    told = verdicts(nothing, sample("sglang-router", "streams512", 20.0))

    assert told[CHUNK].met is False


def test_what_was_not_measured_is_neither_met_nor_missed(sample, verdicts):
    told = verdicts(sample("gateway", "streams512", 1.0))

    assert (told[BOTH_CHUNK].value, told[BOTH_CHUNK].met) == (None, None)
