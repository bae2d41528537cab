"""What answers for a deployment that sleeps, and wakes it: one function behind a public URL."""
