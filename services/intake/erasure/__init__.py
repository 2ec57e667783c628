"""Reports are erased by destroying their keys: on request, by retention, and again after a restore."""
