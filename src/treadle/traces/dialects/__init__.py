"""What spans mean: each emitter's vocabulary, read into one canonical span."""
