"""The job spec: what the user writes, read with complaints that name file, line and key."""
