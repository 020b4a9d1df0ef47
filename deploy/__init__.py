"""The ways to deploy the exporter, and the programs that write generated files."""
