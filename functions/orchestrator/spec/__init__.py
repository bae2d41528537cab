"""What may be asked for: the specification, how it is read, and what it may say."""
