"""What a key may use that has no limits of its own."""

from typing import Annotated

from msgspec import Struct

from gateway.core.caller import Limits
from gateway.settings.backend_settings import COUNT, Count
from gateway.settings.options import option


class KeyLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """As a key's own limits; a key with any limit of its own has none of these."""

    requests_per_minute: Annotated[Count | None, option("Of each key.", COUNT)] = None
    tokens_per_minute: Annotated[Count | None, option("Of each key.", COUNT)] = None
    concurrency: Annotated[Count | None, option("Requests at once of each key.", COUNT)] = None
    tokens_per_day: Annotated[Count | None, option("Of each key.", COUNT)] = None

    @property
    def limits(self) -> Limits:
        return Limits(
            self.requests_per_minute,
            self.tokens_per_minute,
            self.concurrency,
            self.tokens_per_day,
        )
