"""A deployment's API keys and the entries that the gateway reads."""
