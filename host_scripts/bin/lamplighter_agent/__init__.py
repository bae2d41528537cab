"""The host agent. Standard library and boto3, Python 3.10 or newer: the machine image's own.

phases (what to say) <- spool, units, probes (what is seen) <- reporter (say it) <- main (wiring)
entries <- keys (the gateway's keys file), status (what the gateway says while it has no engine)
"""
