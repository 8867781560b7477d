"""Heads in other people's formats: vectors on disk, model folders, indexes and databases."""
