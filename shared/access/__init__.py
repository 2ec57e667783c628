"""Who may do what: principals, actions, conditions, and the one table."""
