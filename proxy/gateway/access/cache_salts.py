"""A salt for each caller, so that no caller can measure what others have in the engine's cache.

vLLM answers faster for a prompt whose beginning it has cached: requests with different salts share
no cache. The salts are of this process: after a restart the cache is cold.
"""

import secrets
from hashlib import blake2b


class CacheSalts:
    """One secret of this process."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return "CacheSalts(***)"

    def of(self, key_id: str) -> bytes:
        return blake2b(key_id.encode(), key=self._secret, digest_size=16).hexdigest().encode()
