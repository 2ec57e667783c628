"""Signing people in: providers, sessions kept by the service, and the pages of both."""
