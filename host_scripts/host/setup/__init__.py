"""Programs that the steps of the set-up run: they read, decide and print, and change nothing."""
