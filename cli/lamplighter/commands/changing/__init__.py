"""What served before, and back to it; another host for the same specification."""
