"""The Merkle tree, its tiles and its signed notes. Pure."""
