"""Answers: what is read of a backend's, and how the client gets them."""
