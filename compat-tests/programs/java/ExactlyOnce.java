import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Transactions that go on through every failure: ExactlyOnce BOOTSTRAP PREFIX FROM SEED FIRST. Two members of a group
 * copy the topic PREFIX-FROM to the next stage; a teller moves money between accounts. Some transactions are aborted
 * on purpose, and their records say so; the teller says which commits it tries. A line "drain" on standard input stops the teller, the end of the input all.
 */
public final class ExactlyOnce {
    private static final String CLIENT = "java";
    private static final int ACCOUNTS = 8;
    private static volatile boolean draining;
    private static volatile boolean stopped;

    private final String bootstrap;
    private final String prefix;
    private final int stage;
    private final Random random;

    private ExactlyOnce(String[] args, int salt) {
        bootstrap = args[0];
        prefix = args[1];
        stage = Integer.parseInt(args[2]);
        random = new Random(Long.parseLong(args[3]) + salt);
    }

    public static void main(String[] args) throws Exception {
        List<Thread> threads = new ArrayList<>();
        threads.add(new Thread(() -> new ExactlyOnce(args, 0).copy(0)));
        threads.add(new Thread(() -> new ExactlyOnce(args, 1).copy(1)));
        threads.add(new Thread(() -> new ExactlyOnce(args, 2).tell(Long.parseLong(args[4]))));
        threads.forEach(Thread::start);
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        while (orders.readLine() != null) {
            draining = true;
        }
        draining = true;
        stopped = true;
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private static void say(String line) {
        synchronized (System.out) {
            System.out.println(line);
            System.out.flush();
        }
    }

    private static void complain(String what, Exception e) {
        System.err.println(what + ": " + e);
    }

    private KafkaProducer<String, String> producer(String name) {
        Properties conf = new Properties();
        conf.put("bootstrap.servers", bootstrap);
        conf.put("transactional.id", prefix + "-" + CLIENT + "-" + name);
        conf.put("transaction.timeout.ms", "20000");
        conf.put("request.timeout.ms", "10000");
        conf.put("max.block.ms", "20000");
        conf.put("delivery.timeout.ms", "20000");
        conf.put("reconnect.backoff.max.ms", "300");
        KafkaProducer<String, String> producer = new KafkaProducer<>(conf, new StringSerializer(), new StringSerializer());
        try {
            producer.initTransactions();
        } catch (RuntimeException e) {
            producer.close(Duration.ZERO);
            throw e;
        }
        return producer;
    }

    private KafkaConsumer<String, String> consumer() {
        Properties conf = new Properties();
        conf.put("bootstrap.servers", bootstrap);
        conf.put("group.id", prefix + "-" + CLIENT);
        conf.put("auto.offset.reset", "earliest");
        conf.put("enable.auto.commit", "false");
        conf.put("isolation.level", "read_committed");
        conf.put("session.timeout.ms", "2000");
        conf.put("heartbeat.interval.ms", "300");
        conf.put("max.poll.records", "50");
        conf.put("reconnect.backoff.max.ms", "300");
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(conf, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(prefix + "-" + stage));
        return consumer;
    }

    /**
     * Ends a transaction as was decided before; an error means that its producer is of no more use. All is sent
     * before: a commit may overtake what was given to the client only just now (seen with 4.3.1, against Kafka too).
     */
    private static void end(KafkaProducer<String, String> producer, boolean commit) {
        producer.flush();
        if (commit) {
            producer.commitTransaction();
        } else {
            producer.abortTransaction();
        }
    }

    private void copy(int member) {
        KafkaProducer<String, String> producer = null;
        KafkaConsumer<String, String> consumer = null;
        while (!stopped) {
            try {
                if (consumer == null) {
                    consumer = consumer();
                }
                if (producer == null) {
                    producer = producer("copy-" + member);
                    rewind(consumer);
                }
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                if (!records.isEmpty() && !copyAll(producer, consumer, records)) {
                    rewind(consumer);
                }
            } catch (Exception e) {
                complain("copy " + member, e);
                producer = closed(producer);
            }
        }
        closed(producer);
        if (consumer != null) {
            consumer.close();
        }
    }

    private static KafkaProducer<String, String> closed(KafkaProducer<String, String> producer) {
        if (producer != null) {
            producer.close(Duration.ZERO);
        }
        return null;
    }

    private boolean copyAll(KafkaProducer<String, String> producer, KafkaConsumer<String, String> consumer,
            ConsumerRecords<String, String> records) {
        boolean commit = random.nextInt(5) > 0;
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        producer.beginTransaction();
        for (ConsumerRecord<String, String> r : records) {
            String[] parts = r.value().split(":");
            String value = parts[0] + ":" + parts[1] + (commit ? ":c" : ":a");
            producer.send(new ProducerRecord<>(prefix + "-" + (stage + 1), r.partition(), r.key(), value));
            offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        end(producer, commit);
        return commit;
    }

    /** Goes back to what is committed. */
    private static void rewind(KafkaConsumer<String, String> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        committed.forEach((at, offset) -> consumer.seek(at, offset == null ? 0 : offset.offset()));
    }

    private void tell(long first) {
        KafkaProducer<String, String> producer = null;
        for (long n = first; !draining; n++) {
            try {
                if (producer == null) {
                    producer = producer("bank");
                }
                boolean commit = random.nextInt(4) > 0;
                transfer(producer, n, commit);
                if (commit) {
                    say("trying " + n);
                }
                end(producer, commit);
                if (commit) {
                    say("committed " + n);
                }
                Thread.sleep(random.nextInt(30));
            } catch (Exception e) {
                complain("bank", e);
                producer = closed(producer);
            }
        }
        closed(producer);
        say("drained");
    }

    /** A transfer: each record takes from one account or gives to one, and all together nothing. */
    private void transfer(KafkaProducer<String, String> producer, long n, boolean commit) {
        String fate = commit ? "c" : "a";
        int parts = 2 + random.nextInt(4);
        long rest = 0;
        producer.beginTransaction();
        for (int i = 0; i < parts; i++) {
            long amount = i == parts - 1 ? -rest : random.nextInt(200) - 100;
            rest += amount;
            String value = n + ":" + i + ":" + parts + ":" + amount + ":" + fate;
            producer.send(new ProducerRecord<>(prefix + "-bank", 0, "" + random.nextInt(ACCOUNTS), value));
            if (random.nextInt(3) == 0) {
                producer.flush();
            }
        }
        producer.send(new ProducerRecord<>(prefix + "-journal", (int) (n % 2), CLIENT, n + ":" + fate));
    }
}
