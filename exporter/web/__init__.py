"""What is served over HTTP: negotiation, the server and its pages."""
