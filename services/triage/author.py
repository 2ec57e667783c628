"""Who writes triage's events, and who does what nobody orders."""

from shared.events import Actor

SOURCE = "hearth/triage"
"""The CloudEvents source of every event of triage."""
TRIAGE = Actor("service:triage", "service")
"""The service itself: it opens cases and judges deadlines."""
