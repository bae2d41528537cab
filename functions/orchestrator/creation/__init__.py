"""How one resource comes to exist exactly once, whose it is, and how it goes."""
