import java.util.Map;

/** Main classes by the names of Kafka's scripts. */
final class Tools {
    private static final String T = "org.apache.kafka.tools.";
    private static final Map<String, String> CLASSES = Map.ofEntries(
        Map.entry("kafka-broker-api-versions", T + "BrokerApiVersionsCommand"),
        Map.entry("kafka-cluster", T + "ClusterTool"),
        Map.entry("kafka-configs", "kafka.admin.ConfigCommand"),
        Map.entry("kafka-console-consumer", T + "consumer.ConsoleConsumer"),
        Map.entry("kafka-console-producer", T + "ConsoleProducer"),
        Map.entry("kafka-consumer-groups", T + "consumer.group.ConsumerGroupCommand"),
        Map.entry("kafka-delete-records", T + "DeleteRecordsCommand"),
        Map.entry("kafka-dump-log", T + "DumpLogSegments"),
        Map.entry("kafka-features", T + "FeatureCommand"),
        Map.entry("kafka-get-offsets", T + "GetOffsetShell"),
        Map.entry("kafka-groups", T + "GroupsCommand"),
        Map.entry("kafka-leader-election", T + "LeaderElectionCommand"),
        Map.entry("kafka-log-dirs", T + "LogDirsCommand"),
        Map.entry("kafka-metadata-quorum", T + "MetadataQuorumCommand"),
        Map.entry("kafka-producer-perf-test", T + "ProducerPerformance"),
        Map.entry("kafka-reassign-partitions", T + "reassign.ReassignPartitionsCommand"),
        Map.entry("kafka-topics", T + "TopicCommand"),
        Map.entry("kafka-transactions", T + "TransactionsCommand"));

    private Tools() { }

    static Class<?> mainClass(String name) throws ClassNotFoundException {
        return Class.forName(CLASSES.getOrDefault(name, name));
    }
}
