"""The scorecard of each community, computed from the record alone."""
