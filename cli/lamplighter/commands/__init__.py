"""One module per command; each reads its arguments, does one thing, and prints the answer."""
