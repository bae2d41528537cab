"""One deployment: its specification's file, its row, its workflows."""
