"""Judges: scorers that are models, asked through an endpoint of the gateway; and how far they can be believed."""
