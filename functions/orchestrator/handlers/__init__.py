"""Lambda entry points, one module per noun, one function per state: extract, act, return.

State EnsureNetwork = EnsureNetworkFunction in template.yaml = handlers/network.py: ensure.
"""
