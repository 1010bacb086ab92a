"""Experiments whose target is a function that runs where the SDK does."""
