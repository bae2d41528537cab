"""What is true of the whole process, and changes while it runs."""

from collections.abc import Iterable
from typing import Any


class ProcessState:
    """`in_flight` counts inference requests from their headers to their last byte.

    `connections` are the server's client connections, once it has started.
    """

    __slots__ = ("connections", "draining", "in_flight")

    def __init__(self) -> None:
        self.in_flight = 0
        self.draining = False
        self.connections: Iterable[Any] = ()
