"""Lambda entry points: EnsureDns and DestroyDns of resources/dns.py."""

from orchestrator.resources import dns
from orchestrator.step import step

ensure = step(dns.ensure, desired="present")
destroy = step(dns.destroy)
