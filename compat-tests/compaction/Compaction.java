import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Fills a partition of a running Kafka from a seed, lets Kafka compact it twice, and copies its segments before and
 * after each pass. Arguments: bootstrap address, Kafka's log directory, where the copies go, seed.
 */
public final class Compaction {
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

    private final Admin admin;
    private final Path partition;
    private final Path checkpoint;
    private final Path out;
    private final String topic;
    private final Random random;
    private final String bootstrap;
    private final List<KafkaProducer<String, String>> plain = new ArrayList<>();
    private final List<KafkaProducer<String, String>> transactional = new ArrayList<>();
    private int sent;

    private Compaction(String[] args) {
        bootstrap = args[0];
        long seed = Long.parseLong(args[3]);
        topic = "random-" + seed;
        random = new Random(seed);
        partition = Path.of(args[1], topic + "-0");
        checkpoint = Path.of(args[1], "cleaner-offset-checkpoint");
        out = Path.of(args[2]);
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws Exception {
        new Compaction(args).run(Long.parseLong(args[3]));
    }

    private void run(long seed) throws Exception {
        // With an odd seed no horizon passes while we look.
        String retention = seed % 2 == 0 ? "1" : "2592000000";
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(Map.of(
            "cleanup.policy", "delete", "retention.ms", "-1", "internal.segment.bytes", "1800",
            "min.cleanable.dirty.ratio", "0.01", "delete.retention.ms", retention, "file.delete.delay.ms", "0")))).all().get();
        for (String codec : CODECS) {
            plain.add(producer(Map.of("compression.type", codec)));
        }
        plain.add(producer(Map.of("enable.idempotence", "false")));
        for (int n = 0; n < 3; n++) {
            transactional.add(producer(Map.of("transactional.id", topic + "-" + n, "compression.type", CODECS[random.nextInt(5)])));
            transactional.get(n).initTransactions();
        }
        for (int pass = 1; pass <= 2; pass++) {
            for (int step = 0; step < 60; step++) {
                step(pass);
            }
            for (int n = 0; n < 40; n++) {
                // So that all of the above lies in closed segments.
                send(plain.get(n % 2 == 0 ? 0 : 5), "closing-" + n % 3, "x".repeat(150));
            }
            copy("before-" + pass);
            configure("compact");
            awaitCleaned();
            copy("after-" + pass);
            configure("delete");
        }
        Files.writeString(out.resolve("delete.retention.ms"), retention);
        System.out.println(topic + ": largest timestamp "
            + admin.listOffsets(Map.of(new TopicPartition(topic, 0), OffsetSpec.maxTimestamp())).all().get());
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private KafkaProducer<String, String> producer(Map<String, String> options) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("linger.ms", "1000");
        properties.putAll(options);
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    private void step(int pass) {
        if (random.nextInt(3) == 0) {
            transactions();
            return;
        }
        // The last but one falls silent after the first pass.
        int which = random.nextInt(pass == 1 ? plain.size() : plain.size() - 2);
        batch(plain.get(which), true);
    }

    /** Some that overlap, each with an end of its own. */
    private void transactions() {
        List<KafkaProducer<String, String>> open = new ArrayList<>(transactional.subList(0, 1 + random.nextInt(3)));
        open.forEach(KafkaProducer::beginTransaction);
        for (int n = random.nextInt(5); n >= 0; n--) {
            batch(open.get(random.nextInt(open.size())), true);
        }
        for (KafkaProducer<String, String> producer : open) {
            if (random.nextInt(2) == 0) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
        }
    }

    private void batch(KafkaProducer<String, String> producer, boolean withKeyless) {
        for (int n = random.nextInt(5); n >= 0; n--) {
            String key = withKeyless && random.nextInt(15) == 0 ? null : "key-" + random.nextInt(25);
            String value = random.nextInt(4) == 0 ? null : "value-" + sent + "-" + "y".repeat(random.nextInt(60));
            ProducerRecord<String, String> record = new ProducerRecord<>(topic, 0, key, value);
            if (random.nextInt(4) == 0) {
                record.headers().add("header", null).add("header", new byte[] {1, 2});
            }
            producer.send(record);
            sent++;
        }
        producer.flush();
    }

    private void send(KafkaProducer<String, String> producer, String key, String value) {
        producer.send(new ProducerRecord<>(topic, 0, key, value));
        producer.flush();
    }

    private void configure(String policy) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry("cleanup.policy", policy), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    }

    /** Until the checkpoint has come to the active segment. */
    private void awaitCleaned() throws Exception {
        String wanted = topic + " 0 " + activeBase();
        for (int n = 0; n < 1200; n++) {
            if (Files.exists(checkpoint) && Files.readAllLines(checkpoint).contains(wanted)) {
                TimeUnit.SECONDS.sleep(2);
                return;
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
        throw new IllegalStateException("not cleaned up to " + wanted);
    }

    private List<Path> segments() throws IOException {
        try (Stream<Path> files = Files.list(partition)) {
            return files.filter(file -> file.toString().endsWith(".log")).sorted().toList();
        }
    }

    private long activeBase() throws IOException {
        String name = segments().get(segments().size() - 1).getFileName().toString();
        return Long.parseLong(name.substring(0, name.length() - ".log".length()));
    }

    private void copy(String state) throws IOException {
        Path to = Files.createDirectories(out.resolve(state));
        for (Path segment : segments()) {
            Files.copy(segment, to.resolve(segment.getFileName()), StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
