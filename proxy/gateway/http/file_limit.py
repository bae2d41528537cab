"""How many files this process may have open: each request takes two, the client's and a backend's.

Containers often start with a soft limit of 1,024, which 500 requests at once exceed.
"""

import resource

from gateway.core.log import logger

FEW = 4096


def raise_to_hard() -> None:
    """Raise the soft limit to the hard one, and warn if that is low for a gateway."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:  # a kernel may allow less than it says
            logger.warning("the limit of open files stays at %d: %s", soft, error)
    if hard != resource.RLIM_INFINITY and hard < FEW:
        logger.warning(
            "only %d files may be open, enough for about %d requests at once: start with a hard "
            "limit of %d or more (docker run --ulimit nofile=65536, LimitNOFILE= in a unit)",
            hard,
            hard // 2,
            FEW,
        )
