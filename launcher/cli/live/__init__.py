"""A job while it runs: lines scroll by, and below them stands how far it is."""
