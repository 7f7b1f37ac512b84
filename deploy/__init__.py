"""What Prometheus and Grafana need to watch Tollway: everything in grafana/ and prometheus/ is written from source/."""
