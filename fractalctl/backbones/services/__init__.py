"""Backbones that answer over HTTP: a spec of each, one client module per service, and what they share."""
