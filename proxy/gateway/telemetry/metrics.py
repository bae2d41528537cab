"""Counters and histograms in plain slots: a request pays for arithmetic only.

The Prometheus library reads the slots when /metrics is scraped (pages/metrics.py); its own counters
would cost a lock and a look-up of labels each. No label grows without bound: clients choose neither
models nor keys, and with a thousand of either configured the page can still be scraped.
"""

from bisect import bisect_left
from collections.abc import Sequence

from gateway.core.request_record import RequestRecord

OTHER = "other"
MODELS = 64
KEYS = 256
ERRORS = 64
LONGEST_NAME = 200
SERIES = 8192  # per metric, whatever the product of its labels would allow

CLIENT_LEFT = 499
PROBE_ID, PROBE = "lamplighter-probe", "probe"  # how a probe's request id begins; its operation

Labels = tuple[str, ...]

# The boundaries are OpenTelemetry's, and go on to the longest timeout and the longest queue.
# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
DURATION = (.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
            163.84, 327.68, 655.36)  # fmt: skip
FIRST_TOKEN = (.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1.0, 2.5, 5.0, 7.5, 10.0,
               20.0, 40.0, 80.0, 160.0, 320.0)  # fmt: skip
PER_TOKEN = (.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1.0, 2.5)  # fmt: skip
TOKENS = tuple(float(4**power) for power in range(14))


class Names(dict[str | None, str]):
    """The values of one label: the first `limit` of them as they are, all later ones `other`."""

    def __init__(self, limit: int) -> None:
        super().__init__({None: ""})
        self._limit = limit

    def __missing__(self, value: str) -> str:
        if len(self) > self._limit or len(value) > LONGEST_NAME:
            return OTHER
        self[value] = value
        return value


class Counts(dict[Labels, int]):
    """A counter by its labels; those that come too late count together as `other`."""

    def add(self, labels: Labels, count: int = 1) -> None:
        if labels in self:
            self[labels] += count
        elif len(self) < SERIES:
            self[labels] = count
        else:
            late = (OTHER,) * len(labels)
            self[late] = self.get(late, 0) + count


class Series:
    """One histogram: how many values fell into each bucket (the last has no bound), their sum."""

    __slots__ = ("counts", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.sum = 0.0


class Histograms(dict[Labels, Series]):
    """Histograms over the same bounds, by their labels."""

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__()
        self.bounds = bounds

    def observe(self, labels: Labels, value: float) -> None:
        series = self[labels] if labels in self else self._new(labels)
        series.counts[bisect_left(self.bounds, value)] += 1
        series.sum += value

    def _new(self, labels: Labels) -> Series:
        if len(self) >= SERIES:
            labels = (OTHER,) * len(labels)
        return self.setdefault(labels, Series(len(self.bounds) + 1))


class Metrics:
    """All that is counted per request. Gauges are not here: they are read where they are true."""

    def __init__(self) -> None:
        self.requests = Counts()  # operation, model, key, status, error
        self.last_request: dict[Labels, float] = {}  # operation -> seconds since the epoch
        self.tokens = Counts()  # model, key, type
        self.retries = Counts()  # model
        self.failovers = Counts()  # model, reason
        self.fallbacks = Counts()  # model, backend, status
        self.client_left = Counts()  # operation, model
        self.streams_incomplete = Counts()  # operation, model
        self.duration = Histograms(DURATION)  # operation, model, error
        self.first_token = Histograms(FIRST_TOKEN)  # operation, model
        self.per_token = Histograms(PER_TOKEN)  # operation, model
        self.queue = Histograms(FIRST_TOKEN)  # operation, model
        self.usage = Histograms(TOKENS)  # operation, model, type
        self._models, self._keys, self._errors = Names(MODELS), Names(KEYS), Names(ERRORS)

    def observe(self, record: RequestRecord) -> None:
        """Count a request that has ended."""
        operation = PROBE if record.request_id.startswith(PROBE_ID) else record.operation
        model = self._models[record.model]
        key, error = self._keys[record.key_id], self._errors[record.error]
        served = (operation, model)
        self.requests.add((operation, model, key, str(record.status), error))
        self.last_request[operation,] = record.began + record.seconds
        self.duration.observe((operation, model, error), record.seconds)
        if record.backend is not None or record.queued:
            self.queue.observe(served, record.queued)
            self._observe_tokens(record, operation, model, key)
        if record.stream and record.first_byte is not None:
            self._observe_stream(record, served, record.first_byte)
        if record.retried:
            self.retries.add((model,))
        if record.failover is not None:
            self.failovers.add((model, record.failover))
        if record.fallback and record.backend is not None:
            self.fallbacks.add((model, record.backend, str(record.status)))
        if record.status == CLIENT_LEFT:
            self.client_left.add(served)

    def _observe_stream(self, record: RequestRecord, served: Labels, first: float) -> None:
        self.first_token.observe(served, first)
        if record.error is not None:
            self.streams_incomplete.add(served)
        elif record.completion_tokens is not None and record.completion_tokens > 1:
            rest = record.completion_tokens - 1
            self.per_token.observe(served, (record.seconds - first) / rest)

    def _observe_tokens(self, record: RequestRecord, operation: str, model: str, key: str) -> None:
        for kind, count in (("input", record.prompt_tokens), ("output", record.completion_tokens)):
            if count is not None:
                self.tokens.add((model, key, kind), count)
                self.usage.observe((operation, model, kind), count)
