"""What is checked before the first write; `plan` shows it, `up` refuses where a check fails."""
