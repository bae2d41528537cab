"""A host of the twin, for tests: an instance, its address, its scripts; broken and seen."""
