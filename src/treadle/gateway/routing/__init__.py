"""Which target answers a request: health, choice, retries and hedges. No I/O; clocks and randomness are handed in."""
