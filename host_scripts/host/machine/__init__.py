"""What is known of the machine itself, and what it means. Imports nothing of the other rooms."""
