"""The dashboards: one module each, and what they share; `build` writes their JSON."""
