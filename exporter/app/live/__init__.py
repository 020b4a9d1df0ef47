"""What `check --live` tries, and what it says of it; nothing else of us imports it."""
