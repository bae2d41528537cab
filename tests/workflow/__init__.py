"""The workflows on the local twin."""
