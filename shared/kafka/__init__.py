"""Kafka: topics, consuming, publishing, dead letters and replays."""
