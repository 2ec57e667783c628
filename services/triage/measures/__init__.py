"""The register of measures: what is in force, where, until when, and for which people, for those who enforce it."""
