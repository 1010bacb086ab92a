"""Evaluations as tests: `@treadle.case` and the pytest plugin behind it."""
