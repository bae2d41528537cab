"""The host agent. Standard library and boto3, Python 3.10 or newer: the machine image's own.

phases (what to say) <- observer (what is seen) <- spool, units and causes, machine, probes,
progress; main wires them with reporter, status, metrics (say it), mender and repairs (mend it).
entries <- keys: the gateway's keys file; facts: gathered by root, read by machine.
"""
