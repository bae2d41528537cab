"""A user's own value, as an error may show it: short, printable, and without what looks secret.

shown("hf_abcdefghijklmnop")     # "'hf_***'"
shown(True)                      # "true"
"""

from __future__ import annotations

import re
from typing import Any

MAX_SHOWN = 80  # characters
_MAX_NUMBER = 10**20
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.:/=+@ -]{1,80}")

_PEM = re.compile(r"-----BEGIN.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
# The kinds that the host's agent masks (host_scripts/host/machine/masking.py), and tokens of other
# services by their shape. What is kept says of which kind it was: the first group.
_SECRETS = (
    re.compile(r"(hf_)[A-Za-z0-9]{8,}"),  # Hugging Face tokens
    re.compile(r"\b(sk-)[A-Za-z0-9_-]+"),  # API keys
    re.compile(r"\b(gh[opsu]_|github_pat_|glpat-|xox[abp]-)[A-Za-z0-9_-]{8,}"),  # other services'
    re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}"),  # AWS access key ids
    re.compile(r"\b(eyJ)[\w-]{1,400}\.[\w-]{1,4096}\.[\w-]*"),  # JSON web tokens
    re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE),
    re.compile(r"(://[^\s:/@]*:)[^\s/@]+(?=@)"),  # a password in an address
    re.compile(  # key=value and key: value
        r"""\b([\w-]{0,40}(?:password|passwd|secret|api[_-]?key|access[_-]?key|token)"""
        r"""["']?\s*[=:]\s*["']?)[^\s"'&,;}]{4,}""",
        re.IGNORECASE,
    ),
    re.compile(r"()(?<![\w:])[0-9a-f]{32,}(?!\w)", re.IGNORECASE),  # not sha256:...
    # Random words: lower case, upper case and digits. AWS secret access keys have 40 characters.
    re.compile(r"()(?<!\w)(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])\w{32,}(?!\w)"),
    re.compile(
        r"()(?<![\w/+])(?=[\w/+]*[a-z])(?=[\w/+]*[A-Z])(?=[\w/+]*[0-9])[\w/+]{40,}(?![\w/+])"
    ),
)


def shown(value: Any) -> str:
    """Return how a message shows `value`: JSON's words, at most 80 characters, secrets masked."""
    if isinstance(value, str):
        text = masked(value)
        return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")
    if isinstance(value, dict | list):
        kind = "mapping" if isinstance(value, dict) else "list"
        return f"a {kind}" if value else f"an empty {kind}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value) if isinstance(value, float) or abs(value) < _MAX_NUMBER else "a huge number"


def hidden(value: Any) -> str:
    """What names a secret begins with `/`; anything else may be the secret itself."""
    return "'***'" if isinstance(value, str) and not value.startswith("/") else shown(value)


def join(path: str, name: Any) -> str:
    """Return the path of a key, which is the user's own: secrets masked, on one line."""
    text = str(name)
    clean = _PLAIN_KEY.fullmatch(text) and masked(text) == text
    return f"{path}.{text if clean else shown(text)}".lstrip(".")


def masked(text: str) -> str:
    """Return the text with each secret cut down to what says of which kind it was."""
    text = _PEM.sub("-----BEGIN ***", text)
    for secret in _SECRETS:
        text = secret.sub(r"\1***", text)
    return text
