"""Looks for names that came onto the roster later in the words of earlier reports."""
