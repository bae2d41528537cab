"""The story of `make demo`; runs in a checkout only."""
