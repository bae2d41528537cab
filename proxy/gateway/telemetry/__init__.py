"""What is recorded of each request: access log, metrics, usage per key, traces."""
