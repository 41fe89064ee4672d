"""What embedded Kafka needs of the machine, and what it says when that is missing."""

from pathlib import Path

import pytest

from fault316_streams.embedded import jars
from fault316_streams.errors import Failure


def tool(folder: Path, name: str, script: str) -> None:
    """An executable that does what `script` says."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in PATH, empty; the cache is empty too."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def test_missing_java_names_the_package(bin_folder: Path) -> None:
    with pytest.raises(Failure, match=r"none in PATH: .*apt-get install openjdk-17-jre-headless"):
        jars.find_java()


def test_java_home_without_java_is_named(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(Failure, match=r"JAVA_HOME \(/nowhere\)"):
        jars.find_java()


@pytest.mark.parametrize(
    ("told", "major"), [('java version "1.8.0_412"', "8"), ('openjdk version "11.0.23" 2024-04-16', "11")]
)
def test_old_java_is_refused_by_its_version(bin_folder: Path, told: str, major: str) -> None:
    tool(bin_folder, "java", f"echo '{told}' >&2")
    with pytest.raises(Failure, match=rf"needs Java 17, .*/java is Java {major}: install"):
        jars.find_java()


@pytest.mark.parametrize("told", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "25" 2025-09-16'])
def test_new_enough_java_is_taken(bin_folder: Path, told: str) -> None:
    tool(bin_folder, "java", f"echo '{told}' >&2")
    assert jars.find_java().path == str(bin_folder / "java")


def test_missing_maven_names_the_package(bin_folder: Path) -> None:
    with pytest.raises(Failure, match=r"no mvn in PATH: .*apt-get install maven"):
        jars.ensure_jars(print)


def test_a_failed_download_says_why_and_leaves_nothing(bin_folder: Path) -> None:
    """So that it is never taken for a complete one."""
    tool(bin_folder, "mvn", "echo '[ERROR] Could not transfer artifact'; echo '[ERROR] more'; exit 1")
    with pytest.raises(Failure, match=r"could not get Kafka .*: Could not transfer artifact$"):
        jars.ensure_jars(print)
    assert list(jars.cache_folder().parent.iterdir()) == []


def test_a_download_happens_once(bin_folder: Path) -> None:
    said: list[str] = []
    script = 'for a; do case $a in -DoutputDirectory=*) dir=${a#*=};; esac; done; /bin/mkdir "$dir"; : > "$dir/kafka.jar"'
    tool(bin_folder, "mvn", script)
    folder = jars.ensure_jars(said.append)
    assert [jar.name for jar in folder.iterdir()] == ["kafka.jar"]
    (bin_folder / "mvn").unlink()
    assert jars.ensure_jars(said.append) == folder
    assert len(said) == 1


def test_the_cache_is_keyed_by_version() -> None:
    assert jars.kafka_version().startswith("4.")
    assert jars.cache_folder().name.startswith(f"kafka-{jars.kafka_version()}-")
