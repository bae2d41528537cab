"""A request's head and body: received, read, checked, edited."""
