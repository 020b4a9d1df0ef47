"""Prometheus exporter for the replication lag of RocketMQ disaster-recovery plans."""

__version__ = "0.1.0"
