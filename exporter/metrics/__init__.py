"""What Prometheus reads: the catalogue of families, and how they become bytes."""
