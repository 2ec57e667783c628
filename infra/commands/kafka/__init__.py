"""Commands about Kafka: topics, rights and dead letters."""
