"""What a request will take: its text, what it holds beside text, its prompts."""
