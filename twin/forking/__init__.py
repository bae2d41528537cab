"""Python processes forked from one that has imported what they need: a start takes milliseconds."""
