"""Hostile conversations, and which ends of them are right."""
