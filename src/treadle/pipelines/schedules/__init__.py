"""Schedules: when the loop goes around by itself, and how far without being asked."""
