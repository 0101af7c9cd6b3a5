import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams with exactly_once_v2: Counts BOOTSTRAP PREFIX FROM. Counts the records of each key of the topic
 * PREFIX-FROM; each count goes to the next stage, numbered like a copy. The counts are kept in memory, so whoever
 * starts again reads them from their changelog. Runs until the end of its standard input.
 */
public final class Counts {
    public static void main(String[] args) throws Exception {
        int stage = Integer.parseInt(args[2]);
        Properties conf = new Properties();
        conf.put("bootstrap.servers", args[0]);
        conf.put("application.id", args[1] + "-counts");
        conf.put("processing.guarantee", "exactly_once_v2");
        conf.put("state.dir", "streams");
        conf.put("statestore.cache.max.bytes", "0");
        conf.put("replication.factor", "1");
        conf.put("main.consumer.auto.offset.reset", "earliest");
        conf.put("main.consumer.session.timeout.ms", "2000");
        conf.put("main.consumer.heartbeat.interval.ms", "300");
        conf.put("producer.transaction.timeout.ms", "20000");
        conf.put("reconnect.backoff.max.ms", "300");
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(args[1] + "-" + stage, Consumed.with(Serdes.String(), Serdes.String()))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts")).withKeySerde(Serdes.String()))
            .toStream()
            .mapValues((key, count) -> key + ":" + (count - 1) + ":c")
            .to(args[1] + "-" + (stage + 1), Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), conf);
        streams.setUncaughtExceptionHandler(e -> {
            System.err.println("counts: " + e);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.start();
        System.out.println("drained");
        while (System.in.read() >= 0) { }
        streams.close(Duration.ofSeconds(20));
    }
}
