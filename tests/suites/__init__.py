"""What every store of a kind must do: run against the one in memory and against the real one."""
