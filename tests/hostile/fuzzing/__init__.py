"""Random requests: honest ones, spoiled, and sent over several connections."""
