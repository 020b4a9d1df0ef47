"""What the document says about the run that no number does."""

from __future__ import annotations

from bench.fleet import ROUTES

WHAT = """\
# Benchmarks

Written by `make bench`; do not edit. All numbers are of one run on one machine, taken
from outside the processes, and medians of several rounds in which the targets take
turns. Absolute times are this machine's; the ratios are what to compare.

## Targets

At 100,000 checkpoints, the three default families, gzip, unless said otherwise."""

HOW = f"""\
## How

- The upstream is the simulated cloud in its own process, over HTTPS, with a certificate
  that a throwaway authority signed; the trust store also has the public authorities, as
  anywhere. The cloud yields the CPU to what is measured (`nice`). Its checkpoints are
  healthy, so that each has all three samples, on {ROUTES} routes.
- Peers (b), (c) and (d) serve what our exporter showed, row by row or byte by byte; at
  1,000 and 10,000 the run compares every sample of (b) and (c) with ours and fails if
  one differs. Peer (a) polls by itself, one page after the other, 100 rows a page.
- A scrape is one GET with `Accept-Encoding: gzip` over a kept connection
  (prometheus_client closes its own), from the request to the last byte, not unpacked.
  Ours is scraped more than a second apart, so that every age is rendered anew, and then
  at once again.
- A poll's CPU is the user and system time of the exporter's process (`/proc`) while it
  polls without a pause and with no limit that matters, over the pages it counts itself;
  decoding, rendering, compression and the closing scrape are in it.
- Peak memory is `VmHWM` of the whole process; ours is the higher of one that polls
  without a pause and one that is only scraped.
- Scrapes while it polls: all 100,000 on one route, polled over and over; one scrape
  every 50 ms, so that one in twenty has to render every age, and the p99 is of those.
- Stalls: another process asks for `/-/healthy` every 2 ms, which the loop answers
  without work; the longest answer of each run is how long the loop, or the machine, was
  busy with something else. It has the client's own cost in it and the scheduler's: with
  cloud, exporter, prober and scraper there are more processes than cores.
- `demo` is timed from the start of Python to the last byte of `/metrics` after
  `/-/ready` said 200; the import is a whole `python -c "import exporter.app.cli"`.

```sh
make bench                  # all of it
make bench BENCH=--quick    # a look, in under two minutes; writes nothing here
```
"""
