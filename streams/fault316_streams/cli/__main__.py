"""`python -m fault316_streams.cli`: the command where no script is installed."""

from fault316_streams.cli import main

main()
