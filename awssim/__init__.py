"""A strict AWS account for tests: moto plus what AWS does and moto does not, and planted faults."""

from awssim.account import Account
from awssim.calls import Call
from awssim.faults import Crash, Refusal, error
from awssim.furnish import furnish
from awssim.sweep import Failure, crash_points, sweep

__all__ = [
    "Account",
    "Call",
    "Crash",
    "Failure",
    "Refusal",
    "crash_points",
    "error",
    "furnish",
    "sweep",
]
