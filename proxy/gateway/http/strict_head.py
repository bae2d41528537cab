"""What must be true of a request's head before anything else is read from it.

Apart from `protocol`, because this is compiled, and what extends uvicorn's class cannot be.
"""

import re
from itertools import chain

from gateway.core.errors import Headers

MOST_LINES = 100
MOST_BYTES = 64 * 1024
_HOST = re.compile(rb"[A-Za-z0-9._~:\[\]-]*")


def is_one_request(
    headers: Headers, named: dict[bytes, bytes], version: str, received: int
) -> bool:
    """Whether two servers in a row read the same in it. `received`: bytes, the head's or more."""
    if version != "1.0" and (version != "1.1" or b"host" not in named):
        return False
    if not _HOST.fullmatch(named.get(b"host", b"")) or len(headers) > MOST_LINES:
        return False
    if len(named) != len(headers) and [name for name, _ in headers].count(b"host") > 1:
        return False
    return received <= MOST_BYTES or sum(map(len, chain(*headers))) <= MOST_BYTES
