"""Traces: what happened in production, as spans with the release, the arm and the cost that belong to each answer."""
