"""Datasets: import files, look at them, repair and split them, and keep every version with its reasons and parents."""
