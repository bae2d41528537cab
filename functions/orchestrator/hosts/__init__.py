"""Hosts that were launched: what they report, and whether they serve."""
