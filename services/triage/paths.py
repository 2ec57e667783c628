"""The addresses of triage's pages."""

HOME = "/desk"
ROSTER = f"{HOME}/roster"
LOAD = f"{HOME}/load"
SEARCH = f"{HOME}/search"
BASELINE = f"{HOME}/baseline"
MEASURES = f"{HOME}/measures"
POLICY = f"{HOME}/policy"
