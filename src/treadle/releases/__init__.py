"""Releases, the endpoints they stand behind, and rollouts that move traffic by evidence."""
