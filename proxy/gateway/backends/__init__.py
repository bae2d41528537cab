"""The model servers: which are up, which serves a request, connections to them."""
