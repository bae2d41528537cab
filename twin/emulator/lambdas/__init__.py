"""Lambda workers: forked from a warm process, with AWS's error documents."""
