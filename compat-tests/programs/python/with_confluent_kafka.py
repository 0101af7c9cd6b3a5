"""confluent-kafka (librdkafka): produce in each compression, idempotent; read by assignment; admin; groups of both protocols."""

import functools
import time

import common
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec


def create(bootstrap, topic, partitions=common.PARTITIONS):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result(10)
    return admin


def consumer_of(bootstrap):
    # A group id is required by the client, and not used: nothing is subscribed or committed.
    return Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, "check.crcs": True})


def codec(bootstrap, topic, codec):
    create(bootstrap, topic)
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5})
    errors = []
    for i in range(common.RECORDS):
        producer.produce(
            topic,
            common.value(i),
            common.key(i),
            i % common.PARTITIONS,
            timestamp=common.time(i),
            headers=common.headers(i),
            on_delivery=lambda e, m: e and errors.append(e),
        )
    assert producer.flush(20) == 0 and not errors, errors[:3]
    consumer = consumer_of(bootstrap)
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(common.PARTITIONS)])
    got, end = [], time.time() + 20
    while len(got) < common.RECORDS and time.time() < end:
        for m in consumer.consume(500, 0.2):
            if m.error():
                raise KafkaException(m.error())
            got.append((m.partition(), m.offset(), m.timestamp()[1], m.key(), m.value(), m.headers()))
    common.check(got)
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)
    assert (low, high) == (0, common.RECORDS // common.PARTITIONS)
    at = consumer.offsets_for_times([TopicPartition(topic, 0, common.time(4))], 10)[0]
    assert at.offset == 2, at
    consumer.close()


def from_the_end(bootstrap, topic):
    create(bootstrap, topic, 1)
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, b"before")
    assert producer.flush(20) == 0
    consumer = consumer_of(bootstrap)
    consumer.assign([TopicPartition(topic, 0, OFFSET_END)])
    assert consumer.poll(0.5) is None
    producer.produce(topic, b"after")
    assert producer.flush(20) == 0
    message = consumer.poll(10)
    assert message is not None and message.value() == b"after", message
    consumer.close()


def admin(bootstrap, topic):
    client = create(bootstrap, topic, 1)
    client.create_partitions([NewPartitions(topic, 2)])[topic].result(10)
    end = time.time() + 10
    while len(client.list_topics(topic, 10).topics[topic].partitions) < 2 and time.time() < end:
        time.sleep(0.02)
    metadata = client.list_topics(topic, 10)
    assert len(metadata.topics[topic].partitions) == 2 and len(metadata.brokers) == 1
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    configs = client.describe_configs([resource])[resource].result(10)
    assert configs["cleanup.policy"].value == "delete"
    offsets = client.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()})
    assert list(offsets.values())[0].result(10).offset == 0
    assert client.describe_cluster().result(10).cluster_id
    client.delete_topics([topic])[topic].result(10)


class Member:
    def __init__(self, bootstrap, topic, conf):
        conf = {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest", "enable.auto.commit": False} | conf
        self.consumer = Consumer(conf)
        self.consumer.subscribe([topic])

    def poll(self):
        got = self.consumer.consume(500, 0.2)
        for m in got:
            if m.error():
                raise KafkaException(m.error())
        return [(m.partition(), m.offset()) for m in got]

    def assigned(self):
        return {tp.partition for tp in self.consumer.assignment()}

    def commit(self):
        self.consumer.commit(asynchronous=False)

    def close(self):
        self.consumer.close()


def group(bootstrap, topic, conf):
    client = create(bootstrap, topic)
    producer = Producer({"bootstrap.servers": bootstrap})

    def send(count):
        for i in range(count * common.PARTITIONS):
            producer.produce(topic, b"value", partition=i % common.PARTITIONS)
        assert producer.flush(20) == 0

    common.in_a_group(lambda: Member(bootstrap, topic, conf), send)
    committed = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)])[topic].result(10)
    assert {tp.partition: tp.offset for tp in committed.topic_partitions} == dict.fromkeys(range(common.PARTITIONS), 15), committed
    listed = [g for g in client.list_consumer_groups().result(10).valid if g.group_id == topic]
    assert [g.type.name.lower() for g in listed] == [conf.get("group.protocol", "classic")], listed
    client.delete_consumer_groups([topic])[topic].result(10)


GROUPS = {
    "eager": {"partition.assignment.strategy": "range", "heartbeat.interval.ms": 300},
    "cooperative": {"partition.assignment.strategy": "cooperative-sticky", "heartbeat.interval.ms": 300},
    "consumer-protocol": {"group.protocol": "consumer"},
}

common.run(
    {c: functools.partial(codec, codec=c) for c in common.CODECS} | {"from-the-end": from_the_end, "admin": admin}
    | {name: functools.partial(group, conf=conf) for name, conf in GROUPS.items()}
)
