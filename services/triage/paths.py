"""The addresses of triage's pages."""

HOME = "/desk"
ROSTER = f"{HOME}/roster"
BASELINE = f"{HOME}/baseline"
