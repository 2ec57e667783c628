"""Commands about people and programs: the roster and its tokens."""
