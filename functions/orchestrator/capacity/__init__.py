"""Where an instance can be had, at what price and quota, and whether the model fits it."""
