"""Where requests wait while every backend of their model is busy: bounded, by priority, in order.

A place that becomes free goes to the first waiter of the most urgent class that fits. When the
queue is full, an urgent request takes the place of the latest waiter of a less urgent class.
"""

import time
from collections import OrderedDict
from typing import Protocol

from gateway.backends.backend import EJECTED_SECONDS, Backend
from gateway.backends.routing import Routing
from gateway.backends.target import Target
from gateway.core.errors import BackendUnavailable, Overloaded
from gateway.core.priority import CLASSES

_FIRST_GUESS_SECONDS = 1.0
_LONGEST_GAP_SECONDS = 60.0
_WEIGHT = 0.2  # of the newest gap between two admissions, in their running mean


class Waiter(Protocol):
    """A request in the queue. Exactly one of the two is called, once, unless it leaves itself."""

    target: Target
    priority: int
    waits: bool
    """Whether it waits for a backend to come up: until then, and for one that is known to be."""
    wait_until: float
    not_before: float

    def look_again(self) -> None:
        """Find the target again: a backend has come or gone."""

    def admitted(self, backend: Backend) -> None:
        """Count yourself in its `outstanding` before you return."""

    def expired(self) -> None:
        """Answer the client with `AdmissionQueue.refusal`."""


class AdmissionQueue:
    """`queued` is how many wait. Times are monotonic. Hears of changes from the routing itself."""

    def __init__(self, routing: Routing) -> None:
        self.queued = 0
        self._routing = routing
        routing.changed = self.changed
        self._queues = tuple(OrderedDict[Waiter, float]() for _ in CLASSES)
        self._gap = _FIRST_GUESS_SECONDS
        self._last = 0.0

    def enter(self, waiter: Waiter, priority: int, _: Target, now: float) -> None:
        """Wait at the end of the class. Raises Overloaded: the queue is full."""
        settings = self._routing.settings
        if self.queued >= settings.queue_length and not self._make_room(priority):
            raise self._overloaded("Too many requests wait for the model already.")
        ends = waiter.wait_until if waiter.waits else now + settings.queue_seconds
        self._queues[priority][waiter] = ends
        self.queued += 1

    def leave(self, waiter: Waiter) -> None:
        """Its client went away. Nothing happens if it waits no longer."""
        if self._queues[waiter.priority].pop(waiter, None) is not None:
            self.queued -= 1

    def released(self, backend: Backend) -> None:
        """Fill the free places of a backend: call it whenever its `outstanding` went down."""
        while self.queued and backend.outstanding < backend.limit:
            waiter = self._first_for(backend)
            if waiter is None:
                return
            self.leave(waiter)
            self._admit(waiter, backend)

    def changed(self) -> None:
        """Look again after a backend or the settings changed."""
        for waiter in [one for queue in self._queues for one in queue if one.waits]:
            waiter.look_again()
        for backend in self._routing.backends:
            self.released(backend)
        for waiter in [one for queue in self._queues for one in queue if _is_hopeless(one)]:
            self._end(waiter)

    def expire(self, now: float) -> None:
        """End what waited too long: call it once a second."""
        for queue in self._queues:
            for waiter in [one for one, ends in queue.items() if ends <= now]:
                self._end(waiter)
        for backend in self._routing.backends:  # an ejection, or a pause, may have ended
            self.released(backend)

    def refusal(self, waiter: Waiter) -> BackendUnavailable:
        """Return the error for a waiter that is not admitted."""
        if not any(waiter.target.group.available):
            return self._routing.unavailable(waiter.target)
        return self._overloaded("All model servers are busy, and the queue is long.")

    def _first_for(self, backend: Backend) -> Waiter | None:
        for priority, queue in enumerate(self._queues):
            for waiter in queue:
                if waiter.waits and not self._is_ready(waiter, backend):
                    continue
                if self._routing.takes(backend, waiter.target, priority):
                    return waiter
        return None

    def _is_ready(self, waiter: Waiter, backend: Backend) -> bool:
        return backend.state == "up" and time.monotonic() >= waiter.not_before

    def _admit(self, waiter: Waiter, backend: Backend) -> None:
        now = time.monotonic()
        if self._last:
            gap = min(now - self._last, _LONGEST_GAP_SECONDS)
            self._gap += _WEIGHT * (gap - self._gap)
        self._last = now if self.queued else 0.0  # the queue is empty: the next gap means nothing
        if backend.ejected_until:  # half-open: this one tries it, the others wait
            backend.ejected_until = now + EJECTED_SECONDS
        waiter.admitted(backend)

    def _make_room(self, priority: int) -> bool:
        for queue in reversed(self._queues[priority + 1 :]):
            if queue:
                self._end(next(reversed(queue)))
                return True
        return False

    def _end(self, waiter: Waiter) -> None:
        self.leave(waiter)
        waiter.expired()

    def _overloaded(self, message: str) -> Overloaded:
        """Return the refusal; its time is how long the queue takes at its present pace."""
        return Overloaded(message, seconds=self._gap * max(self.queued, 1))


def _is_hopeless(waiter: Waiter) -> bool:
    return not waiter.waits and not waiter.target.group.available[waiter.priority]
