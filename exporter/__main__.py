"""`python -m exporter` is the command `rocketmq-dr-exporter`."""

from exporter.cli import main

raise SystemExit(main())
