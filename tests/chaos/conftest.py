"""Makes the host's programs importable: simulated hosts report by the agent's own code."""

from host_scripts.conftest import blank_host

__all__ = ["blank_host"]
