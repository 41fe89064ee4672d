"""The `fault316` command. Each command is a module of its own; `commands` puts them together."""

import sys


def main() -> None:
    """Run the command line, as far as what it needs is installed."""
    try:
        from fault316_streams.cli import commands
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("fault316"):
            raise
        sys.exit(
            f"fault316: the command needs more ({error.name} is missing): pip install 'fault316[streams]'"
        )
    except KeyboardInterrupt:  # while modules are imported, which takes a second
        sys.exit(130)
    commands.main()
