"""What people are notified of: the texts, each published once, and the webhook that gets them."""
