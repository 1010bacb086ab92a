"""Bias: rows that differ in whom they speak of, what their answers differ in, and published benchmarks of stereotypes."""
