"""Signed checkpoints of the log."""
