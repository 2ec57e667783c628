"""Stores and servers in memory; each passes the suite of the real one."""
