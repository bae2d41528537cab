"""Creating a resource exactly once, proving its owner, and deleting it."""
