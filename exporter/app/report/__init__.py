"""What `poll` shows: findings as JSON, as a table for people, and what to do next.

Pure; `exporter.app.poll` prints it.
"""
