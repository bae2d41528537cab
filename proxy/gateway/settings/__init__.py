"""What may be set, how it is read, and how a change takes effect."""
