"""What a notice says. Pure."""
