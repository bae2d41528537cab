"""Fields are read as leniently as the engine reads them, and no more: vLLM's are pydantic's."""

from typing import Any

from gateway.request.parameters import made
from hypothesis import given, settings, strategies
from pydantic import TypeAdapter, ValidationError

SWITCH, NUMBER = TypeAdapter(bool | None), TypeAdapter(int | None)
SPELLED = strategies.text("0123456789+-_. \teEx\u0663", max_size=8)
WORDS = [
    "true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0", "maybe", "2", "null",
]  # fmt: skip
SAID = strategies.builds(
    lambda before, word, upper, after: before + (word.upper() if upper else word) + after,
    *(strategies.sampled_from(["", "", " "]), strategies.sampled_from(WORDS)),
    *(strategies.booleans(), strategies.sampled_from(["", "", " "])),
)
OTHER = (
    strategies.none() | strategies.booleans() | strategies.integers(-3, 2**70)
    | strategies.sampled_from([0.0, 1.0, -0.0, 10.0, 10.5, 2.0, 1e300])
    | strategies.just([]) | strategies.just({})
)  # fmt: skip


def theirs(kind: TypeAdapter[Any], value: object) -> object:
    try:
        return kind.validate_python(value)
    except ValidationError:
        return "refused"


def ours(name: str, value: object) -> object:
    try:
        return getattr(made({name: value}), name)
    except ValueError:
        return "refused"


@settings(max_examples=3000, deadline=None, database=None, derandomize=True)
@given(SPELLED | OTHER)
def test_a_number_is_read_as_the_engine_reads_it(value: object) -> None:
    assert ours("max_tokens", value) == theirs(NUMBER, value)


@settings(max_examples=1000, deadline=None, database=None, derandomize=True)
@given(SAID | OTHER)
def test_a_switch_is_read_as_the_engine_reads_it(value: object) -> None:
    found = ours("stream", value)

    assert found == theirs(SWITCH, value)
    assert found in {None, "refused"} or isinstance(found, bool)


def test_numbers_and_switches_of_every_spelling_are_among_them() -> None:
    assert ours("n", "1_0") == ours("n", " +10.00 ") == ours("n", 10.0) == 10
    assert [ours("stream", value) for value in (0, "off", "F", 0.0)] == [False] * 4
    assert ours("n", "9" * 4301) == theirs(NUMBER, "9" * 4301) == "refused"
