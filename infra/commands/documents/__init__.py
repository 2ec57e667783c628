"""Commands that write pages and contracts from the tables in the code."""
