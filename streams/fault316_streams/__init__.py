"""What we run: intake, window, detect, alert and the sinks, with the `fault316` command around them."""

import sys


def main() -> None:
    """The `fault316` command, as far as what it needs is installed."""
    try:
        from fault316_streams.cli import main as command
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("fault316"):
            raise
        sys.exit(
            f"fault316: the command needs more ({error.name} is missing): pip install 'fault316[streams]'"
        )
    command()
