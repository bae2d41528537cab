"""Load on a target: one sample, and the rounds of a whole run."""
