"""Contributions arrive whole on their codes' partitions, in messages that a broker takes."""

from fault316_streams.intake.messages import MESSAGE_BYTES_MAX, bundles, messages
from fault316_streams.partial import FORMAT_VERSION, Bundle, Contribution, Partial, decode, partition_of


def said(codes: dict[str, Contribution]) -> Partial:
    """What an intake says of one range."""
    return Partial(FORMAT_VERSION, 3, 4_096, 5_000, log_ms=7, wall_ms=8, caught_up=True, codes=codes)


def read(value: bytes) -> Partial:
    """A message back."""
    message = decode(value)
    assert isinstance(message, Partial)
    return message


def test_each_code_goes_to_its_own_partition_with_the_same_statement() -> None:
    codes = {f"316-C{i}": Contribution(seconds={i: 1}, severity=[1, 0, 0, 0]) for i in range(50)}
    sent = messages(said(codes), 4)
    assert {message.partition for message in sent} == {0, 1, 2, 3}
    told: dict[str, Contribution] = {}
    for partition, value in sent:
        partial = read(value)
        assert (partial.partition, partial.start, partial.upto) == (3, 4_096, 5_000)
        assert (partial.log_ms, partial.wall_ms, partial.caught_up) == (7, 8, True)
        assert {partition_of(code, 4) for code in partial.codes} == {partition}
        told |= partial.codes
    assert told == codes


def test_a_message_too_large_is_split_by_codes() -> None:
    large = {f"{i}": 1 for i in range(20_000)}
    codes = {f"316-C{i}": Contribution(hosts=large, severity=[1, 0, 0, 0]) for i in range(10)}
    sent = messages(said(codes), 1)
    assert len(sent) > 1
    assert all(len(message.value) <= MESSAGE_BYTES_MAX for message in sent)
    assert sorted(code for message in sent for code in read(message.value).codes) == sorted(codes)


def test_nothing_to_tell_is_no_message() -> None:
    assert messages(said({}), 4) == []


def test_single_records_go_together_in_order() -> None:
    """One message for each partition, which arrives whole or not at all; a refused record is in none."""
    codes = ["316-A", "316-B", "", "316-C", "316-A", "316-D"]
    singles = [
        Partial(FORMAT_VERSION, 3, at, at + 1, 7, 8, True, {code: Contribution()} if code else {})
        for at, code in enumerate(codes)
    ]
    sent = bundles(singles, 2)
    assert len({message.partition for message in sent}) == len(sent)
    told: dict[int, str] = {}
    for partition, value in sent:
        bundle = decode(value)
        assert isinstance(bundle, Bundle)
        assert {partition_of(code, 2) for said in bundle.partials for code in said.codes} == {partition}
        assert [said.start for said in bundle.partials] == sorted(said.start for said in bundle.partials)
        told |= {said.start: code for said in bundle.partials for code in said.codes}
    assert told == {at: code for at, code in enumerate(codes) if code}
