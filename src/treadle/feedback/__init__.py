"""Feedback: what people, users, signals and code say about an answer, joined to the trace that gave it."""
