"""Sealing and reading what was told."""
