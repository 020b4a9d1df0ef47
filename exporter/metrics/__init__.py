"""What Prometheus reads: the catalogue of families, and their rendering to bytes.

It asks nothing of the cloud and knows nothing of HTTP.
"""
