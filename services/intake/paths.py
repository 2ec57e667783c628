"""The addresses of intake's pages."""

EXIT = "/exit"

FOLLOW_UP = "/follow-up"
