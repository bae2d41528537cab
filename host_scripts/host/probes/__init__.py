"""Asks the chain of this host: engine, gateway, nginx."""
