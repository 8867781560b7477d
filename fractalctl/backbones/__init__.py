"""Frozen sentence encoders: the registry, own model folders, the hub, and what makes features of a corpus."""
