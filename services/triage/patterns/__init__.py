"""What triage sees in several cases together: similar cases, many reports from few sources, communities that fail."""
