"""The desk of responders: the queue and its pages."""
