"""kafka-python: produce in each compression, read by assignment, offsets, times, admin, groups."""

import functools
import time

import common
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic


def create(bootstrap, topic):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, common.PARTITIONS, 1)])
    assert topic in admin.list_topics()
    admin.close()


def codec(bootstrap, topic, codec):
    create(bootstrap, topic)
    compression = None if codec == "none" else codec
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=compression, acks="all", linger_ms=5, retries=20)
    sent = [
        producer.send(topic, common.value(i), common.key(i), common.headers(i), i % common.PARTITIONS, common.time(i))
        for i in range(common.RECORDS)
    ]
    producer.flush()
    for i, future in enumerate(sent):
        assert future.get(10).offset == i // common.PARTITIONS
    producer.close()
    partitions = [TopicPartition(topic, p) for p in range(common.PARTITIONS)]
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    got, end = [], time.time() + 20
    while len(got) < common.RECORDS and time.time() < end:
        for records in consumer.poll(timeout_ms=200).values():
            got += [(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in records]
    common.check(got)
    zero = partitions[0]
    assert consumer.end_offsets([zero])[zero] == common.RECORDS // common.PARTITIONS
    assert consumer.beginning_offsets([zero])[zero] == 0
    at = consumer.offsets_for_times({zero: common.time(4)})[zero]
    assert (at.offset, at.timestamp) == (2, common.time(6)), at
    consumer.close()


def long_poll(bootstrap, topic):
    """A poll that waits is answered by what arrives, not by the end of its time."""
    create(bootstrap, topic)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, fetch_max_wait_ms=8000, enable_auto_commit=False)
    zero = TopicPartition(topic, 0)
    consumer.assign([zero])
    consumer.seek_to_beginning(zero)
    assert not consumer.poll(timeout_ms=300)
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    start = time.time()
    producer.send(topic, b"now", partition=0).get(10)
    got = consumer.poll(timeout_ms=8000)
    assert [r.value for r in got[zero]] == [b"now"], got
    assert time.time() - start < 5, "a waiting fetch did not see the record"
    producer.close()
    consumer.close()


class Member:
    # A poll that ends in the midst of a join begins it again, and the other's join with it: polled in turns, two
    # members may rebalance without end.
    own_thread = True

    def __init__(self, bootstrap, topic):
        self.consumer = KafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False,
            heartbeat_interval_ms=300,
        )

    def poll(self):
        return [(r.partition, r.offset) for records in self.consumer.poll(timeout_ms=1000).values() for r in records]

    def assigned(self):
        return {tp.partition for tp in self.consumer.assignment()}

    def commit(self):
        self.consumer.commit()

    def close(self):
        self.consumer.close()


def group(bootstrap, topic):
    create(bootstrap, topic)
    producer = KafkaProducer(bootstrap_servers=bootstrap)

    def send(count):
        for i in range(count * common.PARTITIONS):
            producer.send(topic, b"value", partition=i % common.PARTITIONS)
        producer.flush()

    common.in_a_group(lambda: Member(bootstrap, topic), send)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    offsets = admin.list_group_offsets([topic])[topic]
    assert {tp.partition: at.offset for tp, at in offsets.items()} == dict.fromkeys(range(common.PARTITIONS), 15), offsets
    admin.close()
    producer.close()


common.run({c: functools.partial(codec, codec=c) for c in common.CODECS} | {"long-poll": long_poll, "group": group})
