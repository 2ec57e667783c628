"""What a reporter sees and answers after the report."""
