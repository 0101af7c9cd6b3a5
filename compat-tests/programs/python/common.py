"""What the Python programs share: the records, the check of what came back, the report of each case.

A program is called with the broker's address and a topic prefix. For each compression it makes a topic of three
partitions, sends records to each, and reads them back by assignment, without a group. Then consumers share groups.
"""

import sys
import time as clock
import traceback
from concurrent.futures import ThreadPoolExecutor

PARTITIONS = 3
RECORDS = 300
# Recent, so that no retention applies.
START_MS = int(clock.time() * 1000) - 60_000
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def key(i):
    return None if i % 7 == 0 else b"key-%d" % i


def value(i):
    # Some clients refuse to send a record with neither key nor value.
    return None if i % 11 == 0 and i % 7 else b"value-%d-" % i + b"x" * (i % 200)


def headers(i):
    return [("n", b"%d" % i), ("n", b"twice"), ("empty", b"")]


def time(i):
    return START_MS + i


def check(records):
    """records: (partition, offset, timestamp, key, value, headers), as the client gave them."""
    next_offset = dict.fromkeys(range(PARTITIONS), 0)
    for partition, offset, timestamp, k, v, hs in records:
        assert offset == next_offset[partition], f"partition {partition}: offset {offset}, not {next_offset[partition]}"
        next_offset[partition] += 1
        i = offset * PARTITIONS + partition
        assert (k, v) == (key(i), value(i)), f"record {i} came back as {k!r}: {v!r}"
        assert timestamp == time(i), f"record {i} has time {timestamp}"
        assert [(name, bytes(text)) for name, text in hs] == headers(i), f"record {i} has headers {hs!r}"
    assert len(records) == RECORDS, f"{len(records)} records came back, not {RECORDS}"


def read(members, count):
    """Partition and offset of `count` records that come to the members of a group, and of any that come too many."""
    got, end = [], clock.time() + 20
    while len(got) < count and clock.time() < end:
        got += poll(members)
    got += poll(members)
    assert len(got) == count == len(set(got)), f"{len(got)} records came, not {count}: {got}"
    return got


def poll(members):
    """What comes to the members: all at once if each has a thread of its own, one after the other if not."""
    if all(getattr(member, "own_thread", False) for member in members):
        with ThreadPoolExecutor(len(members)) as threads:
            return [at for got in threads.map(lambda member: member.poll(), members) for at in got]
    return [at for member in members for at in member.poll()]


def in_a_group(member, send):
    """A group reads all and leaves; who comes back gets what is new; a second member takes its share.

    member() joins with poll() -> [(partition, offset)], assigned() -> {partition}, commit(), close().
    send(count) writes so many records to each partition.
    """
    send(10)
    first = member()
    read([first], 10 * PARTITIONS)
    first.commit()
    first.close()
    send(3)
    second = member()
    got = read([second], 3 * PARTITIONS)
    assert min(offset for _, offset in got) == 10, got
    second.commit()
    both, end = [second, member()], clock.time() + 20
    while sorted(p for m in both for p in m.assigned()) != list(range(PARTITIONS)) or not all(m.assigned() for m in both):
        assert clock.time() < end, f"the members do not share: {[m.assigned() for m in both]}"
        assert not poll(both), "a committed record came again"
    send(2)
    got = read(both, 2 * PARTITIONS)
    assert min(offset for _, offset in got) == 13, got
    for m in both:
        m.commit()
        m.close()


def run(cases):
    """cases: name -> function of (bootstrap, topic)."""
    bootstrap, prefix = sys.argv[1], sys.argv[2]
    bad = False
    for name, case in cases.items():
        try:
            case(bootstrap, f"{prefix}-{name}")
            print(f"ok {name}", flush=True)
        except Exception:
            bad = True
            traceback.print_exc()
            print(f"fail {name}", flush=True)
    sys.exit(bad)
