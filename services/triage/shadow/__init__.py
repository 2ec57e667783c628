"""What another policy would have made of the cases there are."""
