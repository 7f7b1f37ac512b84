"""The admin port: health, metrics and queries over HTTP, for people and Prometheus."""
