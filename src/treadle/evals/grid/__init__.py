"""Several experiments over the same rows, side by side."""
