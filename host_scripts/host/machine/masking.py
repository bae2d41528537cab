"""Mask what looks like a secret before it leaves the host."""

from __future__ import annotations

import re

_PEM = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", re.DOTALL)
# The first group is kept: it says of which kind the secret was.
_SECRETS = (
    re.compile(r"\b(hf_)[A-Za-z0-9]{8,}"),  # Hugging Face tokens
    re.compile(r"\b(sk-)[A-Za-z0-9_-]+"),  # API keys
    re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}"),  # AWS access key ids
    re.compile(r"\b(eyJ)[\w-]{1,400}\.[\w-]{1,4096}\.[\w-]*"),  # JSON web tokens
    re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE),
    re.compile(r"(://[^\s:/@]*:)[^\s/@]+(?=@)"),  # a password in an address
    re.compile(  # key=value, key: value and "key": "value"
        r"""\b([\w-]{0,40}(?:password|passwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|token)"""
        r"""["']?\s*[=:]\s*["']?)[^\s"'&,;}]{8,}""",
        re.IGNORECASE,
    ),
)


def masked(text: str) -> str:
    """Return the text with each secret replaced by its kind and ***."""
    text = _PEM.sub(r"\1***\2", text)
    for secret in _SECRETS:
        text = secret.sub(r"\1***", text)
    return text
