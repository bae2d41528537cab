"""Processes on cores of their own, what they cost, and what machine it was."""
