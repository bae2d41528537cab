"""A body may take its time as long as it keeps coming: only a stall ends it, or the longest time.

The review's body of 1.4 MB at a steady 20 KB/s was a 408 after a minute.
"""

from gateway.request.upload import Upload
from gateway.settings.gateway_settings import Settings
from hypothesis import given, settings, strategies

SETTINGS = Settings()
LOOK_SECONDS = 1


def ended_after(upload: Upload, rates: list[int]) -> int | None:
    """Send at these rates, a second each; return the second in which it is given up."""
    for second, rate in enumerate(rates, 1):
        if rate:
            upload.add(b" " * rate)
        if upload.why_too_slow(second * LOOK_SECONDS, SETTINGS):
            return second
    return None


def test_a_megabyte_at_a_steady_rate_passes() -> None:
    assert ended_after(Upload(), [20_000] * 70) is None


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(
    strategies.integers(SETTINGS.upload_rate, 5_000),
    strategies.integers(1, int(SETTINGS.upload_seconds)),
)
def test_any_rate_that_is_fast_enough_passes_until_the_longest_time(
    rate: int, seconds: int
) -> None:
    assert ended_after(Upload(), [rate] * seconds) is None


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(strategies.integers(0, 300), strategies.integers(0, SETTINGS.upload_rate - 1))
def test_a_stall_ends_it_within_two_intervals_however_long_it_went_well(
    before: int, rate: int
) -> None:
    grace = int(SETTINGS.upload_grace_seconds)

    ended = ended_after(Upload(), [5_000] * before + [rate] * 3 * grace)

    assert ended is not None
    assert before < ended <= before + 2 * grace


def test_what_keeps_coming_ends_after_the_longest_time() -> None:
    longest = int(SETTINGS.upload_seconds)

    assert ended_after(Upload(), [SETTINGS.upload_rate] * (longest + 10)) == longest + 1
