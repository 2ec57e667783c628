"""Addresses that contracts name."""

LOCAL = "http://127.0.0.1:8001"
"""The public address of a deployment that names no other: intake's, on this machine."""
SCHEMAS = "/schemas/"
"""Below which path every service answers with the schemas of events."""
