"""What is served over HTTP: negotiation, the server and its pages.

It asks nothing of the cloud and decides nothing about what is polled.
"""
