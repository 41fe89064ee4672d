"""How batches of events are compressed on their way to Kafka.

Measured on batches of 20 to 250 events as services report them, 560 bytes without and 1,500 with a traceback (one
core, aiokafka 0.14). Building such an event takes 47 and 134 µs of the sending thread:

    compression  bytes an event   CPU µs to send  CPU µs for the worker to read
    none         570 and 1,530    0.3 and 0.7     0.1
    gzip         105 and 120      6-12, 10-16     1.1-1.7
    zstd         100 and 120      2-4, 3-7        0.3-0.9
    lz4          150 and 190      4, 5            0.2-0.3
    snappy       185 and 285      0.6-1           0.2-0.4

A lone event shrinks by little (gzip: 0.83 and 0.5 of it, 17 and 23 µs). So gzip, which needs nothing installed, makes a
storm a fifth to a twelfth of its bytes, on the wire and on the brokers' disks, for a tenth of what building it costs;
zstd does the same for a third of that. A worker that counts events from large batches takes 3.8 µs of CPU for each with
gzip, 3.1 to 3.4 without and 3.0 with zstd, of which fewer bytes to receive pay for the unpacking
(`fault316 bench throughput --compression …`).
"""

import importlib.util
from typing import Final, Literal, get_args

Compression = Literal["gzip", "lz4", "snappy", "zstd"]
COMPRESSION: Final[Compression] = "gzip"
"""The default: what every installation can write, and every worker read."""
_BUILT_IN: Final[Compression] = "gzip"


def checked(compression: Compression | None) -> Compression | None:
    """The same, if it can be done here; None stands for no compression.

    Raises:
        ValueError: there is no such compression.
        ModuleNotFoundError: it needs cramjam, which is not installed.
    """
    known = get_args(Compression)
    if compression is not None and compression not in known:
        raise ValueError(f"compression should be one of {', '.join(known)}, or None")
    if compression not in (None, _BUILT_IN) and importlib.util.find_spec("cramjam") is None:
        raise ModuleNotFoundError(
            f"compression={compression!r} needs cramjam: pip install cramjam, or take {_BUILT_IN!r}",
            name="cramjam",
        )
    return compression
