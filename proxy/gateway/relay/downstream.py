"""The client's side of a request, as its delivery to a backend sees it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from gateway.core.errors import GatewayError, Headers
from gateway.core.request_record import RequestRecord
from gateway.response.writer import ResponseWriter


class Downstream(ABC):
    """`began` is `time.perf_counter()`. `is_paused`: the client does not read; fetch nothing more.

    A class to extend and no protocol: mypyc calls the methods of a class directly.
    """

    __slots__ = ("began", "is_paused", "loop", "record", "writer")

    began: float
    record: RequestRecord
    is_paused: bool
    loop: asyncio.AbstractEventLoop
    writer: ResponseWriter

    @abstractmethod
    def start_stream(self, status: int, headers: Headers) -> None:
        """Begin a stream, unless it has begun."""

    @abstractmethod
    def complete_stream(self) -> None: ...

    @abstractmethod
    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer as a whole; on a stream that was already begun it is the only event."""

    @abstractmethod
    def fail(self, error: GatewayError) -> None:
        """Report an error: as the answer if none was begun, else as the stream's last events."""

    @abstractmethod
    def on_refused(self, error: GatewayError | None = None) -> None:
        """The backend takes no connections. `error`: the answer if there is no other backend."""

    @abstractmethod
    def may_move(self, *, to_fallback: bool = False) -> bool:
        """Whether another backend can be asked instead; only before a byte of an answer.

        `to_fallback`: none but a fallback.
        """

    @abstractmethod
    def move(self, reason: str, *, to_fallback: bool = False) -> None:
        """Ask another backend; `reason`: what went wrong with this one."""

    @abstractmethod
    def created(self, response_id: str) -> None:
        """The backend keeps a response under this id."""

    @abstractmethod
    def release_body(self) -> None:
        """The body is no longer in memory."""

    @abstractmethod
    def guarded(self, step: Callable[[], None]) -> None:
        """Do it; report to the client whatever goes wrong."""
