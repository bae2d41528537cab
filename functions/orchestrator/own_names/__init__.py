"""Endpoints that their own names wake: what the certificates and names at AWS need for that."""
