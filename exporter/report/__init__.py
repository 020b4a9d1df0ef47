"""What `poll` shows: findings as JSON, as a table for people, and what to do next.

Pure; `exporter.polling` prints it.
"""
