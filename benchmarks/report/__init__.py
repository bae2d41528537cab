"""What the samples say: summary, goals, table, plot, and the record that is kept."""
