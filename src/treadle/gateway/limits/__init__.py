"""Bounds on requests, tokens, money and concurrency, held across workers: reserve first, settle when it is known."""
