"""Lost hosts: which events start a repair, whether one is due, and its record."""
