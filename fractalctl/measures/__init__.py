"""Measures of trained heads: k-NN accuracy at every prefix and level, steerability, further metrics."""
