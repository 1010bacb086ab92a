"""Answers that were given before: found by exactly the same request, or by a question that is near enough."""
