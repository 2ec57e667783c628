"""What a reporter sees of the case, and answers."""
