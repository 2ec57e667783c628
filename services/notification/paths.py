"""The addresses of notification's pages."""

HOME = "/outbox"
