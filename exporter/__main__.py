"""`python -m exporter` is the command `rocketmq-dr-exporter`."""

from exporter.app.cli import main

raise SystemExit(main())
