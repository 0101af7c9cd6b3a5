"""Transactions with confluent-kafka (librdkafka) that go on through every failure.

exactly_once.py feed BOOTSTRAP PREFIX SEED         an idempotent producer writes numbered records into stage 0
exactly_once.py copy BOOTSTRAP PREFIX FROM SEED FIRST   a member of a group copies a stage to the next, and a teller
                                                   moves money between accounts

Some transactions are aborted on purpose, and their records say so; the teller says which commits it tries. A line "drain" on standard input stops the feeder
and the teller, the end of the input all.
"""

import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

CLIENT = "python"
# librdkafka 2.16 starts from its bootstrap list again when all brokers are down, and lets go of the broker that
# send_offsets_to_transaction waits for: that call may then never return.
COMMON = {"reconnect.backoff.max.ms": 300, "metadata.recovery.strategy": "none"}
PARTITIONS = 4
KEYS = 40
ACCOUNTS = 8
draining = threading.Event()
stopped = threading.Event()


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(what, error):
    sys.stderr.write(f"{what}: {error!r}\n")


class Idempotent:
    """Sends without end; a record that fails is a failure of the test."""

    def __init__(self, bootstrap):
        self.errors = []
        conf = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "message.timeout.ms": 0, "linger.ms": 5}
        self.producer = Producer(conf | COMMON)

    def send(self, topic, key, value, partition):
        self.producer.produce(topic, value, key, partition, on_delivery=lambda e, m: e and self.errors.append(e))

    def check(self):
        self.producer.poll(0)
        if self.errors:
            raise SystemExit(f"the feeder failed: {self.errors[:3]}")


def feed(bootstrap, prefix, seed):
    dice, counts, out = random.Random(seed), [0] * KEYS, Idempotent(bootstrap)
    while not draining.is_set():
        for _ in range(dice.randrange(20)):
            key = dice.randrange(KEYS)
            out.send(f"{prefix}-0", str(key), f"{key}:{counts[key]}", key % PARTITIONS)
            counts[key] += 1
        out.check()
        time.sleep(0.05)
    while out.producer.flush(1) > 0:
        out.check()
    out.check()
    for key, count in enumerate(counts):
        say(f"fed {key} {count}")
    say("drained")


def transactional(bootstrap, name):
    conf = {"bootstrap.servers": bootstrap, "transactional.id": name, "transaction.timeout.ms": 20000}
    producer = Producer(conf | COMMON)
    producer.init_transactions(20)
    return producer


def end(producer, commit):
    """Ends a transaction as was decided before. What may be repeated is repeated."""
    if not commit:
        producer.flush(20)
    until = time.time() + 20
    while True:
        try:
            return producer.commit_transaction(5) if commit else producer.abort_transaction(5)
        except KafkaException as e:
            if not e.args[0].retriable() or time.time() > until:
                raise


def rewind(consumer):
    """Goes back to what is committed."""
    for at in consumer.committed(consumer.assignment(), 10):
        consumer.seek(TopicPartition(at.topic, at.partition, max(at.offset, 0)))


def copy(bootstrap, prefix, stage, seed):
    dice = random.Random(seed)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{prefix}-{CLIENT}",
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
        | COMMON
    )
    consumer.subscribe([f"{prefix}-{stage}"])
    producer = None
    while not stopped.is_set():
        try:
            if producer is None:
                producer = transactional(bootstrap, f"{prefix}-{CLIENT}-copy")
                rewind(consumer)
            records = [r for r in consumer.consume(50, 0.2) if not r.error()]
            if records and not copy_all(producer, consumer, records, f"{prefix}-{stage + 1}", dice.random() > 0.2):
                rewind(consumer)
        except KafkaException as e:
            complain("copy", e)
            producer = None
    consumer.close()


def copy_all(producer, consumer, records, topic, commit):
    producer.begin_transaction()
    ends = {}
    for r in records:
        key, n = r.value().split(b":")[:2]
        producer.produce(topic, b"%s:%s:%s" % (key, n, b"c" if commit else b"a"), r.key(), r.partition())
        ends[r.partition()] = TopicPartition(r.topic(), r.partition(), r.offset() + 1)
    producer.send_offsets_to_transaction(list(ends.values()), consumer.consumer_group_metadata(), 10)
    end(producer, commit)
    return commit


def tell(bootstrap, prefix, seed, n):
    dice, producer = random.Random(seed + 1), None
    while not draining.is_set():
        try:
            if producer is None:
                producer = transactional(bootstrap, f"{prefix}-{CLIENT}-bank")
            commit = dice.random() > 0.25
            transfer(producer, prefix, dice, n, commit)
            if commit:
                say(f"trying {n}")
            end(producer, commit)
            if commit:
                say(f"committed {n}")
        except KafkaException as e:
            complain("bank", e)
            producer = None
        n += 1
        time.sleep(dice.random() * 0.03)
    say("drained")


def transfer(producer, prefix, dice, n, commit):
    """Each record takes from one account or gives to one, and all together nothing."""
    fate, parts, rest = "c" if commit else "a", dice.randrange(2, 6), 0
    producer.begin_transaction()
    for i in range(parts):
        amount = -rest if i == parts - 1 else dice.randrange(-100, 100)
        rest += amount
        producer.produce(f"{prefix}-bank", f"{n}:{i}:{parts}:{amount}:{fate}", str(dice.randrange(ACCOUNTS)), 1)
        if dice.random() < 0.3:
            producer.flush(10)
    producer.produce(f"{prefix}-journal", f"{n}:{fate}", CLIENT, n % 2)


def main():
    role, bootstrap, prefix = sys.argv[1:4]
    if role == "feed":
        workers = [threading.Thread(target=feed, args=(bootstrap, prefix, int(sys.argv[4])))]
    else:
        stage, seed, first = map(int, sys.argv[4:7])
        workers = [
            threading.Thread(target=copy, args=(bootstrap, prefix, stage, seed)),
            threading.Thread(target=tell, args=(bootstrap, prefix, seed, first)),
        ]
    for worker in workers:
        worker.start()
    for _ in sys.stdin:
        draining.set()
    draining.set()
    stopped.set()
    for worker in workers:
        worker.join()


main()
