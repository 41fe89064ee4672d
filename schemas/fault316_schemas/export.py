"""Writes the contracts as files for other languages: `python -m fault316_schemas.export [--check]`.

From the models and `schemas/examples` it makes `schemas/json/*.schema.json` (JSON Schema 2020-12) and
`schemas/asyncapi.json` (AsyncAPI 3.0). The same input gives the same bytes. It runs in a source tree.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from fault316_schemas import asyncapi
from fault316_schemas.alert import StormAlert
from fault316_schemas.event import FaultEvent

MODELS: Final[dict[str, type[BaseModel]]] = {"fault-event": FaultEvent, "storm-alert": StormAlert}
SOURCE: Final = Path(__file__).parents[1]


class _Generator(GenerateJsonSchema):
    """JSON Schema without the titles that pydantic derives from field names: they say nothing new."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one model. Its id is a URN: nothing needs to be fetched to use it."""
    schema = MODELS[name].model_json_schema(schema_generator=_Generator)
    return {"$schema": schema.pop("$schema"), "$id": f"urn:fault316:{name}:v1", **schema}


def examples(source: Path, name: str) -> dict[str, dict[str, Any]]:
    """The valid examples of one model by file name."""
    return {
        path.stem: json.loads(path.read_bytes())
        for path in sorted((source / "examples" / name / "valid").glob("*.json"))
    }


def files(source: Path) -> dict[Path, str]:
    """Every generated file with what it should hold."""
    documents = {source / "json" / f"{name}.v1.schema.json": json_schema(name) for name in MODELS}
    documents[source / "asyncapi.json"] = asyncapi.document({name: examples(source, name) for name in MODELS})
    return {
        path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in documents.items()
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or only compare them. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fault316_schemas.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    parser.add_argument(
        "--source", type=Path, default=SOURCE, help="the schemas folder (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if not (options.source / "examples").is_dir():
        parser.error(f"no examples in {options.source}: run it in a source tree, or give --source")
    stale = [
        (path, text)
        for path, text in files(options.source).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        name = path.relative_to(options.source)
        if options.check:
            print(f"{name} is not current: run python -m fault316_schemas.export", file=sys.stderr)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {name}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
