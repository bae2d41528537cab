"""A gateway on a real port, and a model server behind it whose every byte a test may script."""
