"""The life of a case. Pure."""
