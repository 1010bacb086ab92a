"""Rollouts: the machine that moves traffic, the evidence that it moves by, and what reads and keeps both."""
