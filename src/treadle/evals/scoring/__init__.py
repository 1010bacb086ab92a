"""What a scorer is, and those that ship, by what they look at; the list of them all is `evals/scorers.py`."""
