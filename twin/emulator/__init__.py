"""The local AWS: ministack, pinned, with the differences to AWS that matter to us repaired.

Every fix asserts that the text or name it changes is still there, so a new ministack fails at
start and not in the middle of a workflow. Each module is one concern and has one `install()`.
"""
