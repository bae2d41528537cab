"""What callers cost who may do nothing here: disk, memory and the engine's time."""
