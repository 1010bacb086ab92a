"""What one does with versions by hand: edit one into the next, hold two against each other, see one as a map."""
