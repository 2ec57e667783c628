"""The commands of `hearth`, one module a subject; infra/cli.py puts them together."""
