"""Bodies of the largest size that are as laborious to read as their format allows."""
