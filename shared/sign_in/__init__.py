"""Signing people in: the providers, the sessions that the service keeps, and the pages of both."""
