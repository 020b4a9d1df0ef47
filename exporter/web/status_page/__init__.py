"""The landing page: what is polled, how that goes, what is worst, and what to do.

`facts` come in, `view` puts them into words and shapes, `page` into HTML, and `answer`
sends it. Nothing here asks the cloud or changes what is polled.
"""
