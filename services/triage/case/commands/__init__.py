"""The commands of a case, one chapter a file. Pure."""
