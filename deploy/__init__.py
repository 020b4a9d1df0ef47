"""The ways to deploy the exporter, and what writes their generated parts."""
