import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java client by itself: Client BOOTSTRAP TOPIC. Prints "ok NAME" for each part, and throws when one fails. */
public final class Client {
    private static final int PARTITIONS = 3;
    private static final int RECORDS = 600;
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    public static void main(String[] args) throws Exception {
        Properties conf = new Properties();
        conf.put("bootstrap.servers", args[0]);
        String topic = args[1];
        try (Admin admin = Admin.create(conf)) {
            create(admin, topic);
            for (String codec : CODECS) {
                produce(args[0], topic, codec);
                System.out.println("ok produce " + codec);
            }
            read(args[0], topic);
            System.out.println("ok read");
            times(args[0], topic);
            System.out.println("ok times");
            offsets(admin, topic);
            System.out.println("ok offsets");
            configs(admin, topic);
            System.out.println("ok configs");
            cluster(admin, topic);
            System.out.println("ok cluster");
            admin.deleteTopics(List.of(topic)).all().get();
            System.out.println("ok delete");
        }
    }

    private static void check(boolean good, String what) {
        if (!good) {
            throw new AssertionError(what);
        }
    }

    private static void create(Admin admin, String topic) throws Exception {
        NewTopic wanted = new NewTopic(topic, PARTITIONS - 1, (short) 1).configs(Map.of("retention.ms", "-1"));
        var created = admin.createTopics(List.of(wanted));
        created.all().get();
        check(created.numPartitions(topic).get() == PARTITIONS - 1, "partitions in the reply");
        check(created.config(topic).get().get("retention.ms").value().equals("-1"), "config in the reply");
        try {
            admin.createTopics(List.of(wanted)).all().get();
            check(false, "a topic was created twice");
        } catch (ExecutionException e) {
            check(e.getCause() instanceof TopicExistsException, "second creation: " + e.getCause());
        }
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(PARTITIONS))).all().get();
        TopicDescription description = null;
        for (int i = 0; i < 500 && (description == null || description.partitions().size() < PARTITIONS); i++) {
            Thread.sleep(10);
            description = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        }
        check(description.partitions().size() == PARTITIONS, "partitions: " + description);
        check(admin.listTopics().names().get().contains(topic), "the topic is listed");
        System.out.println("ok create");
    }

    private static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    /** Record i of a codec: every seventh without a key, every eleventh without a value. */
    private static ProducerRecord<byte[], byte[]> record(String topic, String codec, int i) {
        String key = i % 7 == 0 ? null : "key-" + i;
        String value = i % 11 == 0 ? null : codec + "-" + i + "-" + "x".repeat(i % 200);
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(topic, i % PARTITIONS, 1_000_000L + i, bytes(key), bytes(value));
        record.headers().add("codec", bytes(codec)).add("n", bytes("" + i)).add("n", bytes("twice")).add("null", null);
        return record;
    }

    private static void produce(String bootstrap, String topic, String codec) throws Exception {
        Properties conf = new Properties();
        conf.put("bootstrap.servers", bootstrap);
        conf.put("compression.type", codec);
        conf.put("linger.ms", "5");
        conf.put("batch.size", "4000");
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(conf, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < RECORDS; i++) {
                sent.add(producer.send(record(topic, codec, i)));
            }
            producer.flush();
            long base = (long) CODECS.indexOf(codec) * RECORDS / PARTITIONS;
            for (int i = 0; i < RECORDS; i++) {
                long expected = base + i / PARTITIONS;
                check(sent.get(i).get().offset() == expected, codec + " " + i + ": offset " + sent.get(i).get());
            }
        }
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, Map<String, String> more) {
        Properties conf = new Properties();
        conf.put("bootstrap.servers", bootstrap);
        conf.put("enable.auto.commit", "false");
        conf.put("isolation.level", "read_committed");
        conf.putAll(more);
        return new KafkaConsumer<>(conf, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static List<TopicPartition> partitions(String topic) {
        return IntStream.range(0, PARTITIONS).mapToObj(p -> new TopicPartition(topic, p)).collect(Collectors.toList());
    }

    private static List<ConsumerRecord<byte[], byte[]>> poll(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
        long end = System.currentTimeMillis() + 20_000;
        while (got.size() < count && System.currentTimeMillis() < end) {
            consumer.poll(Duration.ofMillis(200)).forEach(got::add);
        }
        check(got.size() == count, "read " + got.size() + " records, not " + count);
        return got;
    }

    private static void read(String bootstrap, String topic) {
        // Small fetches, so that incremental fetch sessions and cut batches are met.
        Map<String, String> small = Map.of("max.partition.fetch.bytes", "3000", "fetch.max.bytes", "8000", "check.crcs", "true");
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, small)) {
            consumer.assign(partitions(topic));
            consumer.seekToBeginning(partitions(topic));
            Map<Integer, Long> next = new HashMap<>();
            for (ConsumerRecord<byte[], byte[]> r : poll(consumer, RECORDS * CODECS.size())) {
                check(r.offset() == next.getOrDefault(r.partition(), 0L), "partition " + r.partition() + ": offset " + r.offset());
                next.put(r.partition(), r.offset() + 1);
                int perPartition = RECORDS / PARTITIONS;
                String codec = CODECS.get((int) (r.offset() / perPartition));
                int i = (int) (r.offset() % perPartition) * PARTITIONS + r.partition();
                ProducerRecord<byte[], byte[]> sent = record(topic, codec, i);
                check(String.valueOf(text(r.key())).equals(String.valueOf(text(sent.key()))), "key of " + r);
                check(String.valueOf(text(r.value())).equals(String.valueOf(text(sent.value()))), "value of " + r);
                check(r.timestamp() == sent.timestamp(), "timestamp of " + r);
                Header[] headers = r.headers().toArray();
                check(headers.length == 4, "headers of " + r);
                check(text(headers[1].value()).equals("" + i) && text(headers[2].value()).equals("twice"), "headers of " + r);
                check(headers[1].key().equals("n") && headers[2].key().equals("n") && headers[3].value() == null, "headers of " + r);
            }
        }
    }

    private static void times(String bootstrap, String topic) {
        TopicPartition zero = new TopicPartition(topic, 0);
        long all = (long) RECORDS * CODECS.size() / PARTITIONS;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, Map.of())) {
            consumer.assign(List.of(zero));
            OffsetAndTimestamp at = consumer.offsetsForTimes(Map.of(zero, 1_000_000L + 4)).get(zero);
            check(at.offset() == 2 && at.timestamp() == 1_000_006L, "offset for a time: " + at);
            check(consumer.offsetsForTimes(Map.of(zero, 9_000_000L)).get(zero) == null, "offset for a time beyond the end");
            check(consumer.beginningOffsets(List.of(zero)).get(zero) == 0, "beginning");
            check(consumer.endOffsets(List.of(zero)).get(zero) == all, "end");
            consumer.seek(zero, all - 5);
            check(poll(consumer, 5).get(0).offset() == all - 5, "the last five");
        }
    }

    private static ListOffsetsResultInfo offset(Admin admin, TopicPartition tp, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(tp, spec)).partitionResult(tp).get();
    }

    private static void offsets(Admin admin, String topic) throws Exception {
        TopicPartition zero = new TopicPartition(topic, 0);
        long all = (long) RECORDS * CODECS.size() / PARTITIONS;
        check(offset(admin, zero, OffsetSpec.latest()).offset() == all, "latest");
        check(offset(admin, zero, OffsetSpec.maxTimestamp()).timestamp() == 1_000_000L + RECORDS - PARTITIONS, "max timestamp");
        check(admin.deleteRecords(Map.of(zero, RecordsToDelete.beforeOffset(10))).lowWatermarks().get(zero).get().lowWatermark() == 10,
            "low watermark");
        check(offset(admin, zero, OffsetSpec.earliest()).offset() == 10, "earliest after a delete");
    }

    private static Config describe(Admin admin, ConfigResource resource) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource);
    }

    private static void alter(Admin admin, ConfigResource resource, AlterConfigOp.OpType op, String name, String value, String expected)
            throws Exception {
        Collection<AlterConfigOp> ops = List.of(new AlterConfigOp(new ConfigEntry(name, value), op));
        admin.incrementalAlterConfigs(Map.of(resource, ops)).all().get();
        String got = null;
        for (int i = 0; i < 500 && !expected.equals(got); i++) {
            got = describe(admin, resource).get(name).value();
            Thread.sleep(10);
        }
        check(expected.equals(got), name + " is " + got + ", not " + expected);
    }

    private static void configs(Admin admin, String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        alter(admin, resource, AlterConfigOp.OpType.SET, "cleanup.policy", "compact", "compact");
        alter(admin, resource, AlterConfigOp.OpType.APPEND, "cleanup.policy", "delete", "compact,delete");
        alter(admin, resource, AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "compact", "delete");
        alter(admin, resource, AlterConfigOp.OpType.DELETE, "retention.ms", null, "604800000");
        ConfigEntry entry = describe(admin, resource).get("retention.ms");
        check(entry.source() == ConfigEntry.ConfigSource.DEFAULT_CONFIG && entry.isDefault(), "source: " + entry);
    }

    private static void cluster(Admin admin, String topic) throws Exception {
        var cluster = admin.describeCluster();
        int node = cluster.nodes().get().iterator().next().id();
        check(cluster.controller().get() != null && cluster.clusterId().get() != null, "controller and cluster id");
        var dirs = admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node);
        check(dirs.values().stream().anyMatch(d -> d.replicaInfos().containsKey(new TopicPartition(topic, 0))), "log dirs: " + dirs);
        check(admin.describeMetadataQuorum().quorumInfo().get().voters().size() == 1, "one voter");
        check(admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version"), "features");
        check(admin.listPartitionReassignments().reassignments().get().isEmpty(), "no reassignment");
    }
}
