import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.WindowStore;

/** Counts per code and window as the DSL has it: map to the code, repartition by it, aggregate in windows. */
public final class KafkaStreamsPeer {
    /** Events that reached a window; the rest of those that were read are on their way, or were dropped. */
    private static final LongAdder AGGREGATED = new LongAdder();

    public static void main(String[] args) {
        Peer.run(KafkaStreamsPeer::count);
    }

    private static void count(Peer peer) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(
                        peer.topic(),
                        Consumed.with(Serdes.ByteArray(), new EventSerde())
                                .withTimestampExtractor((record, before) -> ((Event) record.value()).atMs()))
                // What crosses Kafka once more is only what the sum needs.
                .map((key, event) -> KeyValue.pair(event.code(), event.count()))
                .groupByKey(Grouped.with("by-code", Serdes.String(), Serdes.Integer()))
                // Stream time is merged over all source partitions at the repartition, so the grace is what
                // decides how many are dropped; at no cost, because windows are few.
                .windowedBy(TimeWindows.ofSizeAndGrace(peer.window(), Peer.LATENESS))
                .aggregate(
                        () -> 0L,
                        (code, count, sum) -> {
                            AGGREGATED.increment();
                            return sum + count;
                        },
                        Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                                .withKeySerde(Serdes.String())
                                .withValueSerde(Serdes.Long()))
                .toStream((window, sum) -> window)
                .map((window, sum) -> KeyValue.pair(
                        window.key(),
                        "{\"code\":\"%s\",\"window\":%d,\"events\":%d}"
                                .formatted(window.key(), window.window().start() / 1000, sum)))
                .to(peer.outputTopic(), Produced.with(Serdes.String(), Serdes.String()));

        KafkaStreams streams = new KafkaStreams(builder.build(), settings(peer));
        streams.setUncaughtExceptionHandler(error -> {
            Peer.fail(error);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        streams.start();
        while (ReadCounter.read(peer.topic()) < peer.events()
                || AGGREGATED.sum() + dropped(streams) < peer.events()) {
            Peer.sleep(Duration.ofMillis(10));
        }
        streams.close(); // writes what the caches hold, and waits for Kafka to have it
    }

    private static Properties settings(Peer peer) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, peer.bootstrap());
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, peer.group());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, peer.stateDir());
        settings.put(
                StreamsConfig.mainConsumerPrefix(ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG),
                ReadCounter.class.getName());
        settings.put(
                StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG,
                LogAndContinueExceptionHandler.class);
        // One core, one thread: "Streams Architecture", Threading Model.
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        // Caches on, and committed every 30 s, which are the defaults: "Memory Management" says that a larger
        // cache and interval let fewer updates through. 10 codes in 7 windows fit into it many times.
        // State in memory, with a changelog in Kafka as any: "Configuring a Streams Application",
        // dsl.store.suppliers.class. Windows of minutes need no disk, and RocksDB takes more CPU.
        settings.put(
                StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
                BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        // Confluent's "Optimize Clients for Throughput": larger batches, and time to fill them (linger.ms
        // is 100 by default here). Its lz4 costs more than it saves, and its acks=1 gains nothing.
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 200_000);
        // Fewer and larger polls: "Configuring a Streams Application", max.poll.records; 1,000 by default.
        settings.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        return settings;
    }

    /** Events that came after the grace of their window, or could not be decoded. */
    private static long dropped(KafkaStreams streams) {
        return (long) streams.metrics().values().stream()
                .filter(metric -> metric.metricName().name().equals("dropped-records-total"))
                .mapToDouble(metric -> (double) metric.metricValue())
                .sum();
    }

    /** What the job needs of an event. */
    record Event(String code, int count, long atMs) {}

    /** Reads three fields by Jackson's streaming parser, as one would who wants Kafka Streams to be fast. */
    static final class EventSerde implements Serde<Event>, Deserializer<Event> {
        private static final JsonFactory JSON = new JsonFactory();
        private final Rfc3339 times = new Rfc3339();

        @Override
        public Event deserialize(String topic, byte[] data) {
            String code = null;
            String occurredAt = null;
            int count = 1;
            try (JsonParser parser = JSON.createParser(data)) {
                parser.nextToken();
                for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                    JsonToken value = parser.nextToken();
                    switch (name) {
                        case "code" -> code = parser.getText();
                        case "occurred_at" -> occurredAt = parser.getText();
                        case "count" -> count = parser.getIntValue();
                        default -> {
                            if (value.isStructStart()) {
                                parser.skipChildren();
                            }
                        }
                    }
                }
                if (code == null || occurredAt == null) {
                    throw new SerializationException("no code, or no occurred_at");
                }
                byte[] time = occurredAt.getBytes(StandardCharsets.ISO_8859_1);
                return new Event(code, count, times.epochMs(time, 0, time.length));
            } catch (IOException | RuntimeException e) { // no JSON, or no such time
                throw new SerializationException(new String(data, StandardCharsets.UTF_8), e);
            }
        }

        @Override
        public Deserializer<Event> deserializer() {
            return this;
        }

        @Override
        public Serializer<Event> serializer() {
            throw new UnsupportedOperationException("events are only read");
        }

        @Override
        public void configure(Map<String, ?> configs, boolean isKey) {}

        @Override
        public void close() {}
    }
}
