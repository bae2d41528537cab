"""What is known about one request: filled in on its way, read once at its end."""


class RequestRecord:
    """Times are seconds; `began` is `time.time()`, `first_byte` and `seconds` count from arrival.

    `operation` is the route's (`chat`, `embeddings` ...), `other` for what is no endpoint. `model`
    is the served name, None until it is known. `status` is what the client saw, 499 if it left.
    `error` is the code of the error that ended the request, in-band ones included. Token counts
    are the engine's own, else estimates (4 bytes a token, a chunk a token); None: none were used.
    `failover`: why another backend was asked as well. `fallback`: `backend` is one.
    """

    began: float = 0.0
    key_id: str | None = None
    model: str | None = None
    backend: str | None = None
    stream: bool = False
    status: int = 0
    error: str | None = None
    queued: float = 0.0
    first_byte: float | None = None
    seconds: float = 0.0
    chunks: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    retried: bool = False
    failover: str | None = None
    fallback: bool = False

    def __init__(
        self,
        *,
        method: str = "",
        path: str = "",
        operation: str = "other",
        request_id: str = "",
        client: str = "",
        traceparent: str | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.operation = operation
        self.request_id = request_id
        self.client = client
        self.traceparent = traceparent
