"""What the steps of the set-up ask of Python."""
