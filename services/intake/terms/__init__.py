"""What a report can say here: the names, limits and refusals that a sender has to know."""
