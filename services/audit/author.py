"""Audit as the author of its own events."""

from shared.events import Actor

AUDIT = Actor("service:audit", "service")
SOURCE = "hearth/audit"
