"""The fault matrix: what happens when a process dies, a reply is lost or AWS refuses at any call.

`make faults` runs all of it and writes docs/fault-matrix.md; `make test` has a slice.
"""
