"""The domain: states, endings, jobs, gangs, checkpoints, metrics, messages. No I/O, no clock."""
