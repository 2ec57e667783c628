"""The keyring of the master key: where it comes from, how intake watches it, how it is rotated."""
