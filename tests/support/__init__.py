"""What tests of several kinds share: rigs, worlds, people and requests."""
