"""Does the engine make progress? A process that answers may hang behind its own API server.

vLLM's API server keeps answering /health and /metrics while the engine behind it stands still, and
a saturated engine is slow to answer although it works. So neither a timeout nor an answer proves
anything alone; progress does: a counter that moved, or one token. A token is requested only when no
counter moved for half a minute. An engine hangs when no counter moved for a minute and the request
for a token was not answered at all.

An engine that has not served since the boot is not judged: it loads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from host.probes.answers import Answer, exchange
from host.probes.check import Check, Verdict
from host.probes.completion import ask_chat

ASK_AFTER = 30.0  # seconds without movement, then one token is requested
HANGS_AFTER = 60.0  # seconds without movement and without an answer
QUICK = 5.0  # seconds for a page of metrics
COMPLETION = 20.0  # seconds for one token of an engine where nothing moves

# Counters that only the engine itself moves. The cache's usage grows with each piece of a long
# prompt, during which no token comes for minutes. Aborted requests are counted by the API server.
SIGNS = (
    "vllm:generation_tokens_total",
    "vllm:kv_cache_usage_perc",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:prompt_tokens_total",
    "vllm:request_success_total",
)
_BY_API_SERVER = 'finished_reason="abort"'

HANGS = (
    f"the engine hangs: nothing moved in it for {HANGS_AFTER:g} s, "
    "and a question for one token stayed unanswered"
)

Counters = tuple[str, ...]


class Progress:
    """engine_url: of vLLM itself, past the gateway; None: nothing can hang. now: seconds.

    marker: a file that exists once this host has served since the boot, for an agent that is
    restarted while the engine hangs.
    """

    def __init__(
        self,
        engine_url: str | None,
        model: str,
        now: Callable[[], float],
        marker: Path | None = None,
    ) -> None:
        self._url, self._model, self._now, self._marker = engine_url, model, now, marker
        self._served = marker is not None and marker.exists()
        self._counters: Counters | None = None
        self._moved = now()
        self._unanswered = False

    def judge(self, check: Check, *, serves: bool) -> str | None:
        """Return what proves that the engine hangs, or None. check, serves: of the same look.

        A closed port means that it loads, for as long as it needs.
        """
        if serves and not self._served:
            self._served = True
            if self._marker:
                self._marker.touch()
        if self._url is None or not self._served or check.verdict is Verdict.DEAD:
            self._restart()
            return None
        return self._hangs(self._url)

    def _restart(self) -> None:
        self._counters, self._moved, self._unanswered = None, self._now(), False

    def _hangs(self, url: str) -> str | None:
        self._look(counters(url))
        if self._still >= ASK_AFTER and not self._unanswered:
            if answers_token(url, self._model):
                self._restart()
            else:
                self._unanswered = True
        if self._unanswered and self._still >= HANGS_AFTER:
            return HANGS
        return None

    @property
    def _still(self) -> float:
        return self._now() - self._moved

    def _look(self, seen: Counters | None) -> None:
        """A timeout is no movement; a page without our counters cannot be judged."""
        if seen is None or seen == self._counters:
            return
        self._restart()
        self._counters = seen or None


def counters(url: str) -> Counters | None:
    """Return the lines of /metrics that move with the engine; None without an answer in time."""
    found = exchange("GET", f"{url}/metrics", seconds=QUICK)
    if not isinstance(found, Answer):
        return None
    lines = found.body.decode("utf-8", errors="replace").splitlines()
    return tuple(line for line in lines if line.startswith(SIGNS) and _BY_API_SERVER not in line)


def answers_token(url: str, model: str) -> bool:
    """Request one token; any answer, a refusal too, shows that the engine does not hang."""
    return isinstance(ask_chat(url, model, seconds=COMPLETION), Answer)
