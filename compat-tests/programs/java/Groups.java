import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java client in groups of each protocol: Groups BOOTSTRAP PREFIX. Prints "ok NAME", and throws when one fails. */
public final class Groups {
    private static final int PARTITIONS = 3;
    private static final String ASSIGNOR = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    private static final Map<String, Map<String, String>> KINDS = Map.of(
        "eager", Map.of("group.protocol", "classic", "heartbeat.interval.ms", "300"),
        "cooperative", Map.of("group.protocol", "classic", "heartbeat.interval.ms", "300", "partition.assignment.strategy", ASSIGNOR),
        "consumer", Map.of("group.protocol", "consumer"),
        "static", Map.of("group.protocol", "consumer", "group.instance.id", "fixed-"));

    private final String bootstrap;
    private final String topic;
    private final Map<String, String> kind;
    private int members;

    private Groups(String bootstrap, String topic, Map<String, String> kind) {
        this.bootstrap = bootstrap;
        this.topic = topic;
        this.kind = kind;
    }

    public static void main(String[] args) throws Exception {
        Properties conf = new Properties();
        conf.put("bootstrap.servers", args[0]);
        try (Admin admin = Admin.create(conf)) {
            for (String name : KINDS.keySet()) {
                new Groups(args[0], args[1] + "-" + name, KINDS.get(name)).run(admin);
                System.out.println("ok " + name);
            }
        }
    }

    private static void check(boolean good, String what) {
        if (!good) {
            throw new AssertionError(what);
        }
    }

    /** A group reads all and leaves; who comes back gets what is new; a second member takes its share. */
    private void run(Admin admin) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
        send(10);
        KafkaConsumer<byte[], byte[]> first = member();
        read(List.of(first), 10, 0);
        first.commitSync();
        first.close();
        members = 0;
        send(3);
        KafkaConsumer<byte[], byte[]> second = member();
        read(List.of(second), 3, 10);
        second.commitSync();
        List<KafkaConsumer<byte[], byte[]>> both = List.of(second, member());
        share(both);
        send(2);
        read(both, 2, 13);
        for (KafkaConsumer<byte[], byte[]> each : both) {
            each.commitSync();
        }
        var described = admin.describeConsumerGroups(List.of(topic)).all().get().get(topic);
        check(described.type().toString().equalsIgnoreCase(kind.get("group.protocol")), "type: " + described);
        check(described.members().size() == 2, "members: " + described);
        both.forEach(KafkaConsumer::close);
        Map<TopicPartition, OffsetAndMetadata> offsets =
            admin.listConsumerGroupOffsets(topic).partitionsToOffsetAndMetadata().get();
        check(offsets.size() == PARTITIONS && offsets.values().stream().allMatch(o -> o.offset() == 15), "offsets: " + offsets);
    }

    private void send(int each) throws Exception {
        Properties conf = new Properties();
        conf.put("bootstrap.servers", bootstrap);
        try (var producer = new KafkaProducer<>(conf, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < each * PARTITIONS; i++) {
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, new byte[] {1}));
            }
        }
    }

    private KafkaConsumer<byte[], byte[]> member() {
        Properties conf = new Properties();
        conf.putAll(kind);
        conf.computeIfPresent("group.instance.id", (name, id) -> id.toString() + members++);
        conf.put("bootstrap.servers", bootstrap);
        conf.put("group.id", topic);
        conf.put("enable.auto.commit", "false");
        conf.put("auto.offset.reset", "earliest");
        var consumer = new KafkaConsumer<>(conf, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    private static List<ConsumerRecord<byte[], byte[]>> poll(Collection<KafkaConsumer<byte[], byte[]>> from) {
        List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
        from.forEach(consumer -> consumer.poll(Duration.ofMillis(100)).forEach(got::add));
        return got;
    }

    /** Takes so many records of each partition at the members: no more, none twice, none below an offset. */
    private static void read(Collection<KafkaConsumer<byte[], byte[]>> from, int each, long lowest) {
        List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
        long end = System.currentTimeMillis() + 20_000;
        while (got.size() < each * PARTITIONS && System.currentTimeMillis() < end) {
            got.addAll(poll(from));
        }
        got.addAll(poll(from));
        Set<String> places = got.stream().map(r -> r.partition() + ":" + r.offset()).collect(Collectors.toSet());
        check(got.size() == each * PARTITIONS && places.size() == got.size(), got.size() + " records, not 3 * " + each + ": " + places);
        check(got.stream().allMatch(r -> r.offset() >= lowest), "a committed record came again: " + places);
    }

    private static void share(Collection<KafkaConsumer<byte[], byte[]>> members) {
        Set<Integer> all = IntStream.range(0, PARTITIONS).boxed().collect(Collectors.toSet());
        long end = System.currentTimeMillis() + 20_000;
        while (true) {
            List<Integer> held = members.stream().flatMap(m -> m.assignment().stream()).map(TopicPartition::partition).toList();
            boolean none = members.stream().anyMatch(m -> m.assignment().isEmpty());
            if (!none && held.size() == PARTITIONS && new HashSet<>(held).equals(all)) {
                return;
            }
            check(System.currentTimeMillis() < end, "the members do not share: " + held);
            check(poll(members).isEmpty(), "a committed record came again");
        }
    }
}
