"""Who may use the gateway, and how much: keys, tokens, limits, filter rules."""
