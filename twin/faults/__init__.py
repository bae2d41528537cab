"""What `lamplighter local break` does; each fault is one function, named in lamplighter.faults."""
