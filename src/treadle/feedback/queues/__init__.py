"""Queues: answers that wait for people to judge them, one at a time, by a label schema."""
