"""Make prompts better on rows, within a budget, and show it on rows that the search never saw."""
