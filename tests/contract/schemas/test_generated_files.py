"""The checked-in JSON Schemas and the AsyncAPI document are current, valid and agree with the examples."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from fault316_schemas import Topics
from fault316_schemas.dead_letter import REASONS
from fault316_schemas.export import MODELS, SOURCE, examples, files, main

ASYNCAPI: dict[str, Any] = json.loads((SOURCE / "asyncapi.json").read_bytes())


def schema_of(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SOURCE / "json" / f"{name}.v1.schema.json").read_bytes())
    return content


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_generated_files_are_current() -> None:
    """Whoever changes a model sees here that the contract changed: python -m fault316_schemas.export."""
    assert main(["--check"]) == 0


def test_the_same_models_give_the_same_bytes() -> None:
    assert files(SOURCE) == files(SOURCE)


def test_check_says_what_is_stale_and_export_makes_it_current(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SOURCE / "examples", tmp_path / "examples")
    assert main(["--source", str(tmp_path)]) == 0
    assert main(["--source", str(tmp_path), "--check"]) == 0
    (tmp_path / "asyncapi.json").write_text("{}")
    capsys.readouterr()
    assert main(["--source", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().err.startswith("asyncapi.json is not current")
    assert (tmp_path / "asyncapi.json").read_text() == "{}", "a check changes nothing"


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_valid_and_names_itself(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"urn:fault316:{name}:v1"


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_explains_every_field(name: str) -> None:
    """By its own description, or by that of the type it refers to."""
    schema = schema_of(name)
    for owner in (schema, *schema["$defs"].values()):
        assert owner["description"]
        for field, content in owner.get("properties", {}).items():
            explained = content.get("description") or list(references(content))
            assert explained, f"{owner['title']}.{field} has no description"


@pytest.mark.parametrize("name", MODELS)
def test_asyncapi_tools_that_know_only_draft_07_judge_the_examples_the_same(name: str) -> None:
    """AsyncAPI's own schema dialect extends draft 07, so the files keep to what both drafts say alike."""
    validator = Draft7Validator(schema_of(name))
    for payload in examples(SOURCE, name).values():
        validator.validate(payload)
    assert not validator.is_valid({})


def test_every_topic_is_a_channel_with_a_keyed_message() -> None:
    topics = Topics()
    addresses = {channel["address"] for channel in ASYNCAPI["channels"].values()}
    assert addresses == {topics.events, topics.partials, topics.alerts, topics.dead_letters}
    for channel in ASYNCAPI["channels"].values():
        assert channel["bindings"]["kafka"]["topic"] == channel["address"]
    for message in ASYNCAPI["components"]["messages"].values():
        assert {"key", "bindingVersion"} <= message["bindings"]["kafka"].keys()


def test_every_reference_leads_somewhere() -> None:
    for reference in references(ASYNCAPI):
        if reference.startswith("#/"):
            node = ASYNCAPI
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]
        else:
            assert (SOURCE / reference).is_file(), reference


def test_every_role_finds_its_operations() -> None:
    done = {
        (operation["tags"][0]["name"], operation["action"], operation["channel"]["$ref"].rpartition("/")[2])
        for operation in ASYNCAPI["operations"].values()
    }
    assert {
        ("service", "send", "events"),
        ("consumer", "receive", "alerts"),
        ("operator", "receive", "deadLetters"),
        ("operator", "send", "events"),
        ("worker", "receive", "events"),
        ("worker", "send", "alerts"),
    } <= done
    groups = {
        operation["bindings"]["kafka"]["groupId"]["const"]
        for operation in ASYNCAPI["operations"].values()
        if "bindings" in operation
    }
    assert groups == {Topics().intake_group, Topics().detect_group}


def test_every_embedded_example_is_the_checked_in_one() -> None:
    for message, name in {"faultEvent": "fault-event", "stormAlert": "storm-alert"}.items():
        shown = ASYNCAPI["components"]["messages"][message]["examples"]
        assert {example["name"]: example["payload"] for example in shown} == examples(SOURCE, name)


def test_the_dead_letter_headers_name_every_reason() -> None:
    headers = ASYNCAPI["components"]["messages"]["deadLetter"]["headers"]
    Draft7Validator.check_schema(headers)
    assert headers["properties"]["reason"]["enum"] == list(REASONS)


def test_the_document_says_its_version_and_what_it_is() -> None:
    assert re.fullmatch(r"3\.0\.\d+", ASYNCAPI["asyncapi"])
    assert {"title", "version", "description"} <= ASYNCAPI["info"].keys()
