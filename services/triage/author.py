"""The source of triage's events, and the actor for what triage does by itself."""

from shared.events import Actor

SOURCE = "hearth/triage"
"""The CloudEvents source of every event of triage."""
TRIAGE = Actor("service:triage", "service")
"""The service itself: it opens cases and judges deadlines."""
