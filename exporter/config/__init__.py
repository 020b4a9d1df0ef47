"""What the process was told to do: every setting, and how it is read."""
