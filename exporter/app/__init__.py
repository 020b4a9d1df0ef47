"""Commands and wiring; the only folder that prints."""
