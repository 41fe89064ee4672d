"""Partitions are added: to the events, which is everyday life, and to the partials, which is refused."""

from collections.abc import Callable

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from fault316_streams.settings import WorkerSettings
from other_client import OtherView
from support import until
from trial import Trial
from worker_process import Workers

MORE = 8
"""Partitions, where there were 4."""


def admin(settings: WorkerSettings) -> AdminClient:
    """Another program's."""
    return AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})


def test_partitions_that_are_added_are_read_from_their_first_event(
    impatient: WorkerSettings, workers: Workers, calm: str, trial: Callable[..., Trial]
) -> None:
    """Without a restart, by both workers, and a storm that is on goes on."""
    both = [workers.start(impatient, "--policy", calm).ready() for _ in range(2)]
    with trial(impatient, "events partitions added, 4 to 8") as run:
        run.counting()
        with run.storm(), run.injected():
            kafka = admin(impatient)
            kafka.create_partitions([NewPartitions(impatient.topics.events, MORE)])[
                impatient.topics.events
            ].result(10)
            run.flow.spread(MORE)
            until(
                lambda: sum(worker.readyz()["components"]["intake"]["partitions"] for worker in both) == MORE
            )
    assert [worker.stop() for worker in both] == [0, 0]


def test_another_number_of_partials_partitions_is_refused_with_a_way_that_works(
    settings: WorkerSettings, workers: Workers, calm: str, trial: Callable[..., Trial]
) -> None:
    """The message names both numbers, and what to delete; then counts begin anew, with the chunks that are open."""
    worker = workers.start(settings, "--policy", calm).ready()
    with trial(settings, "partials partitions changed, 4 to 8") as run:
        run.counting()
        changed = settings.model_copy(update={"partials_partitions": MORE})
        with run.injected():
            assert worker.stop() == 0
            refused = workers.start(changed, "--policy", calm, "--processes", "2")
            until(lambda: refused.exit_code is not None)
            said = refused.log.read_text()
            assert "starts_again" not in said, "a supervisor sees that this would change nothing"
            assert "has 4 partitions, FAULT316_PARTIALS_PARTITIONS is 8" in said
            migrate(settings, said)
            worker = workers.start(changed, "--policy", calm).ready()
        with run.storm():
            pass
    assert worker.stop() == 0


def migrate(settings: WorkerSettings, said: str) -> None:
    """Do what was said, to the letter."""
    topics = [settings.topics.partials, f"{settings.topics.detect_group}-codes-changelog"]
    pattern = f"*{settings.redis_prefix}*"
    assert f"delete the topics {' and '.join(topics)} and the Redis keys {pattern}" in " ".join(said.split())
    kafka = admin(settings)
    for deleted in kafka.delete_topics(topics).values():
        deleted.result(10)
    until(lambda: not set(topics) & set(kafka.list_topics(timeout=10).topics))
    view = OtherView(settings)
    for key in view.all_keys():
        view.redis.delete(key)
    view.close()
