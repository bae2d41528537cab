"""What is known about one request: filled in on its way, read once at its end."""


class RequestRecord:
    """Times are seconds; `began` is `time.time()`, `first_byte` and `seconds` count from its head.

    `operation` is the route's (`chat`, `embeddings` ...), `other` for what is no endpoint. `model`
    is the served name, None until it is known. `status` is what the client saw, 499 if it left.
    `error` is the code of the error that ended the request, in-band ones included. Token counts
    are the engine's own, else estimates (4 bytes a token, a chunk a token); None: none were used.
    """

    __slots__ = (
        "backend", "began", "chunks", "client", "completion_tokens", "error", "first_byte",
        "key_id", "method", "model", "operation", "path", "prompt_tokens", "queued",
        "request_bytes", "request_id", "response_bytes", "retried", "seconds", "status",
        "stream", "traceparent",
    )  # fmt: skip

    def __init__(
        self,
        *,
        method: str = "",
        path: str = "",
        operation: str = "other",
        request_id: str = "",
        client: str = "",
        traceparent: str | None = None,
        began: float = 0.0,
        key_id: str | None = None,
        model: str | None = None,
        backend: str | None = None,
        stream: bool = False,
        status: int = 0,
        error: str | None = None,
        queued: float = 0.0,
        first_byte: float | None = None,
        seconds: float = 0.0,
        chunks: int = 0,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        request_bytes: int = 0,
        response_bytes: int = 0,
        retried: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.operation = operation
        self.request_id = request_id
        self.client = client
        self.traceparent = traceparent
        self.began = began
        self.key_id = key_id
        self.model = model
        self.backend = backend
        self.stream = stream
        self.status = status
        self.error = error
        self.queued = queued
        self.first_byte = first_byte
        self.seconds = seconds
        self.chunks = chunks
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens
        self.request_bytes = request_bytes
        self.response_bytes = response_bytes
        self.retried = retried
