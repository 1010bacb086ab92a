"""Texts to vectors: the embedder that runs here without a network, and the shape that any other one has."""
