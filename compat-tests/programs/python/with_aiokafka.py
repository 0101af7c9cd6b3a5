"""aiokafka: produce in each compression, idempotent; read by assignment; groups."""

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


class Member:
    def __init__(self, loop, bootstrap, topic):
        self.loop = loop
        self.consumer = loop.run_until_complete(self.made(bootstrap, topic))
        # Its start waits until it is in the group, for which the others must be served too.
        self.starting = loop.create_task(self.consumer.start())

    async def made(self, bootstrap, topic):
        return AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest",
            enable_auto_commit=False, heartbeat_interval_ms=300,
        )

    def poll(self):
        async def some():
            if not self.starting.done():
                await asyncio.sleep(0.1)
                return []
            await self.starting
            return [r for records in (await self.consumer.getmany(timeout_ms=200)).values() for r in records]

        return [(r.partition, r.offset) for r in self.loop.run_until_complete(some())]

    def assigned(self):
        return {tp.partition for tp in self.consumer.assignment()}

    def commit(self):
        self.loop.run_until_complete(self.consumer.commit())

    def close(self):
        self.loop.run_until_complete(self.consumer.stop())


def group(bootstrap, topic):
    loop = asyncio.new_event_loop()

    async def start():
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, common.PARTITIONS, 1)])
        await admin.close()
        return producer

    async def sent(count):
        for i in range(count * common.PARTITIONS):
            await producer.send(topic, b"value", partition=i % common.PARTITIONS)
        await producer.flush()

    producer = loop.run_until_complete(start())
    common.in_a_group(lambda: Member(loop, bootstrap, topic), lambda count: loop.run_until_complete(sent(count)))
    loop.run_until_complete(producer.stop())


common.run({c: functools.partial(codec, codec=c) for c in common.CODECS} | {"group": group})
