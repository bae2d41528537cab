"""A host that hands its clients over to another one, on the orchestrator's order.

order     the order, as SSM has it
draining  decides how far the host is
nginx     asks for, and as root makes, what leads clients to new connections
"""
