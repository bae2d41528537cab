"""One real vLLM on this machine's CPU, and gateways in front of it, each a process of its own."""
