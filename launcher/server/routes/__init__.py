"""The HTTP API: each file one group of routes. Thin: parse, one call, answer."""
