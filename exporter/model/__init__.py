"""Frozen data and pure rules; imports no third party."""
