"""Benchmarks: `make bench`, or `make bench ONLY=intake`. Each measures Hearth and a bare program in one run."""
