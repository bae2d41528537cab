"""What answers inference on a host of the twin: a stub, or vLLM on the CPU."""
