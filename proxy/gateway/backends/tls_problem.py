"""What is wrong with a backend's certificate, out of the error that a connection failed with."""

import ssl

_DEEPEST = 8


def describe(error: BaseException | None) -> str | None:
    """Return a sentence about the certificate, None for any other failure."""
    for _ in range(_DEEPEST):
        if error is None:
            return None
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"it does not speak TLS as we do: {error.reason or 'no reason given'}"
        error = error.__cause__ or error.__context__
    return None
