"""Values that every other room uses: errors, the log, endpoints, callers, records."""
