"""The Apache Kafka that the embedded broker runs on: its jars, fetched once by Maven into the user's cache."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from fault316_streams.errors import Failure

POM: Final = Path(__file__).with_name("pom.xml")
COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
JAVA_MIN: Final = 17
DOWNLOAD_LIMIT_S: Final = 600
DRAFT: Final = ".download-"
JAVA_HINT: Final = "install Java 17 or later, e.g. `apt-get install openjdk-17-jre-headless`"
MAVEN_HINT: Final = "install it, e.g. `apt-get install maven`"


def kafka_version() -> str:
    """The version that the pom pins."""
    found = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>(.+?)</version>", POM.read_text())
    assert found is not None
    return found[1]


def cache_folder() -> Path:
    """Where the jars are or will be. A changed pom means another folder."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:8]
    return base / "fault316" / f"kafka-{kafka_version()}-{digest}"


class Java(NamedTuple):
    """A Java that is new enough."""

    path: str
    build: str
    """Short and different for every build, for what only fits one."""


def find_java() -> Java:
    """From JAVA_HOME, else from PATH.

    Raises:
        Failure: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        where = f"JAVA_HOME ({home})" if home else "PATH"
        raise Failure(f"embedded Kafka needs Java, and there is none in {where}: {JAVA_HINT}")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    if found is None:
        raise Failure(f"{java} does not tell its version: {JAVA_HINT}")
    if int(found[1]) < JAVA_MIN:
        raise Failure(f"embedded Kafka needs Java {JAVA_MIN}, {java} is Java {found[1]}: {JAVA_HINT}")
    return Java(java, hashlib.sha256(told.encode()).hexdigest()[:8])


def ensure_jars(progress: Callable[[str], None]) -> Path:
    """The folder with Kafka's jars, complete; downloads them the first time.

    Raises:
        Failure: Maven is missing or could not get them.
    """
    folder = cache_folder()
    if not folder.is_dir():
        progress(f"downloading Apache Kafka {kafka_version()} (once, about 45 MB)")
        _download(folder)
    return folder


def _download(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Failure(f"embedded Kafka is downloaded by Maven, and there is no mvn in PATH: {MAVEN_HINT}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f"{DRAFT}*"):  # by one that was killed
        if time.time() - left.stat().st_mtime > 2 * DOWNLOAD_LIMIT_S:
            shutil.rmtree(left, ignore_errors=True)
    # Downloaded beside its place and renamed into it: a folder that exists is complete.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=DRAFT) as scratch:
        jars = Path(scratch, "jars")
        command = [maven, "-B", "-q", "-f", str(POM), COPY]
        command += [f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"Maven did not get Kafka within {DOWNLOAD_LIMIT_S} s: check the network") from None
        if done.returncode != 0:
            raise Failure(f"Maven could not get Kafka {kafka_version()}: {_first_error(done.stdout)}")
        try:
            jars.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another `up` was faster
                raise


def _first_error(output: str) -> str:
    lines = [line.removeprefix("[ERROR] ") for line in output.splitlines() if line.startswith("[ERROR]")]
    return lines[0] if lines else "it did not say why; try `mvn -v`"
