"""Whole experiments: the parts of the road put together, one function per command."""
