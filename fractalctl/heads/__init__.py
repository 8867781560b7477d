"""Projection heads: supervision tables, fleet training, saving and loading."""
