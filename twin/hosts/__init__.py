"""The host runner: every RUNNING instance of ours in the local AWS is real processes here.

cloud (what the account says) -> runner (which hosts must be on) -> host (one machine: bootstrap,
units) and forwarder (one Elastic IP: a port of this machine).
"""
