"""Samples of the faults on real processes: the local AWS, its hosts, a client over HTTP."""
