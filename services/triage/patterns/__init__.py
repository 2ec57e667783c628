"""What triage sees in several cases together: similar cases, and many reports from few sources."""
