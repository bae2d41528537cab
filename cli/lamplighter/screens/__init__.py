"""What people and machines see: answers, tables, live progress."""
