"""The stack without Docker: Kafka, MongoDB and a mail catcher as child processes, for demo, tests and benchmarks."""
