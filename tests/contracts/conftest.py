"""Makes the host's programs importable, as the host's own tests do."""

from host_scripts.conftest import blank_host
from template_files import template

__all__ = ["blank_host", "template"]
