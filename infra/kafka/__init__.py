"""What Hearth asks of a broker as its administrator."""
