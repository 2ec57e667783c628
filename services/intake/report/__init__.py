"""What a report is, its receipt and its pseudonyms. Pure."""
