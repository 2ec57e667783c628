"""Commands about secrets, keys and certificates."""
