"""The host agent: reports what this host does, and asks for the restart of a broken part.

observer  looks: spool (set-up), units, machine facts, probes, progress, certificate
phases    decides what the host is, from what was seen: no clock, no network
mender    decides whether a part is restarted; repairs, run by root, restarts it
host.drain  follows an order to hand the clients over
reporter, status, metrics, activity   report: to the orchestrator, the gateway, CloudWatch
"""
