"""What a client sees while what serves is changed, on the local AWS with real processes.

`make changes` plays every scenario and may write docs/changes.md.
"""
