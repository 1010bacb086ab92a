"""Evaluation: scorers judge outputs, experiments collect scores, statistics say what they show."""
