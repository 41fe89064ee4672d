"""`fault316 topics`: the topics as they are needed, created where missing."""

import asyncio
import sys
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.table import Table

from fault316_streams.cli.up import Json, quiet
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics


def topics(as_json: Json = False) -> None:
    """Create the Kafka topics that are missing, and show all."""
    quiet()
    reports = asyncio.run(ensure_topics(WorkerSettings(), consumers=True))
    if as_json:
        rows = [asdict(report) for report in reports]
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_APPEND_NEWLINE))
        return
    table = Table("topic", "partitions", "what", "", box=None)
    for report in reports:
        table.add_row(
            report.name,
            str(report.partitions),
            report.purpose,
            "created" if report.created else "there already",
        )
    Console(highlight=False).print(table)
