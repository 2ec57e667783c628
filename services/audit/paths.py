"""The addresses of audit's pages."""

HOME = "/audit"
