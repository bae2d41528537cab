"""A host's services as systemd runs them, and the commands that show and move them."""
