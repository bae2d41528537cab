"""The rounds of one target and load in one line: medians, spread, the worst of what may not be."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.runs.sample import Sample

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU in microseconds per unit, times in milliseconds; medians unless said otherwise."""

    target: str
    load: str
    rounds: int
    cpu: float
    cpu_least: float
    cpu_most: float
    per_second: float
    share: float
    noise: float
    first_p50: float  # to the first chunk; of plain answers: to the end
    first_p99: float
    transit_p50: float  # of one chunk; 0 for plain answers
    transit_p99: float
    peak_mib: float  # the largest
    errors: int  # the sum


class Summary:
    def __init__(self, costs: Iterable[Cost]) -> None:
        self.costs = list(costs)
        self._by_key = {(cost.target, cost.load): cost for cost in self.costs}

    def cost(self, target: str, load: str) -> Cost | None:
        return self._by_key.get((target, load))

    def of_load(self, load: str) -> list[Cost]:
        return [cost for cost in self.costs if cost.load == load]

    def of_target(self, target: str) -> list[Cost]:
        return [cost for cost in self.costs if cost.target == target]

    def ratio(self, target: str, other: str, load: str) -> float | None:
        """Return the target's CPU per unit as a multiple of the other's; None if one is missing."""
        ours, theirs = self.cost(target, load), self.cost(other, load)
        if ours is None or theirs is None or not theirs.cpu:
            return None
        return ours.cpu / theirs.cpu


def summarise(samples: list[Sample]) -> Summary:
    """In the order in which targets and loads first came."""
    keys = dict.fromkeys((sample.target, sample.load) for sample in samples)
    return Summary(
        _cost(target, load, [s for s in samples if (s.target, s.load) == (target, load)])
        for target, load in keys
    )


def _cost(target: str, load: str, samples: list[Sample]) -> Cost:
    units = [sample.unit_us for sample in samples]
    return Cost(
        target=target,
        load=load,
        rounds=len(samples),
        cpu=median(units),
        cpu_least=min(units),
        cpu_most=max(units),
        per_second=median(sample.units / sample.seconds for sample in samples),
        share=median(sample.share for sample in samples),
        noise=median(sample.noise for sample in samples),
        first_p50=median(_milliseconds(_first(s.generator), "p50") for s in samples),
        first_p99=median(_milliseconds(_first(s.generator), "p99") for s in samples),
        transit_p50=median(_milliseconds(s.generator["transit_us"], "p50") for s in samples),
        transit_p99=median(_milliseconds(s.generator["transit_us"], "p99") for s in samples),
        peak_mib=max(sample.peak_bytes for sample in samples) / MIB,
        errors=sum(sample.errors for sample in samples),
    )


def _first(generator: dict[str, Any]) -> dict[str, float]:
    times: dict[str, float] = generator["first_us" if generator["marks"] else "latency_us"]
    return times


def _milliseconds(histogram: dict[str, float], quantile: str) -> float:
    return histogram[quantile] / 1000
