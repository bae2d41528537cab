"""docs/chaos.md: its tables, its picture, and what they are counted from."""
