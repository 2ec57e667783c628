"""What the four services share: contracts (events, topics, policy) and plumbing. Nothing here imports a service."""
