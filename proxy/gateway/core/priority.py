"""The priority classes of requests, the most urgent first."""

from typing import Literal

Class = Literal["interactive", "standard", "batch"]
CLASSES: tuple[Class, ...] = ("interactive", "standard", "batch")  # a priority is an index of it
