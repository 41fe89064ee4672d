"""A small web shop that reports what fails, with faults that can be switched on: see examples/README.md."""
