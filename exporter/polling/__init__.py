"""When to poll, what to poll, and what is known of it."""
