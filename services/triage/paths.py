"""The addresses of triage's pages."""

HOME = "/desk"
ROSTER = f"{HOME}/roster"
LOAD = f"{HOME}/load"
BASELINE = f"{HOME}/baseline"
MEASURES = f"{HOME}/measures"
