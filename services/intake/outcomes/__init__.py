"""What became of the submissions of integrators: told on a topic of their own, and over HTTP to the one that asks."""
