"""The keyring of the master key: where it comes from, who watches it, how it is rotated."""
