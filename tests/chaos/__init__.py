"""Chaos: a deployment that serves, a client that never stops asking, and one fault after another.

`make chaos` runs all of it in virtual time and may write docs/chaos.md; `make test` has a slice.
"""
