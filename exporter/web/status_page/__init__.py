"""The status page: what is polled, what is wrong, and what to do about it."""
