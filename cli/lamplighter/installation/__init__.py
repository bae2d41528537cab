"""Installing Lamplighter into an account, and removing it, with the SAM CLI."""
