"""A cloud that exists only on loopback, for demos and tests; no code of the client."""
