"""aiokafka: produce in each compression, idempotent; read by assignment."""

import asyncio
import functools

import common
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def go(bootstrap, topic, codec):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, common.PARTITIONS, 1)])
    await admin.close()
    compression = None if codec == "none" else codec
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type=compression, acks="all", enable_idempotence=True, linger_ms=5
    )
    await producer.start()
    sent = [
        await producer.send(
            topic, common.value(i), common.key(i), i % common.PARTITIONS, common.time(i), common.headers(i)
        )
        for i in range(common.RECORDS)
    ]
    await asyncio.wait_for(asyncio.gather(*sent), 20)
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    await consumer.start()
    partitions = [TopicPartition(topic, p) for p in range(common.PARTITIONS)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    got, end = [], asyncio.get_running_loop().time() + 20
    while len(got) < common.RECORDS and asyncio.get_running_loop().time() < end:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            got += [(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in records]
    common.check(got)
    assert (await consumer.end_offsets(partitions))[partitions[0]] == common.RECORDS // common.PARTITIONS
    await consumer.stop()


def codec(bootstrap, topic, codec):
    asyncio.run(go(bootstrap, topic, codec))


common.run({c: functools.partial(codec, codec=c) for c in common.CODECS})
