"""What communities attest of the baseline: one aggregate a community, its desk pages and its API."""
