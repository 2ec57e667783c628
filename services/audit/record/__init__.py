"""What the record holds: leaves, the log, and questions about them. Pure."""
