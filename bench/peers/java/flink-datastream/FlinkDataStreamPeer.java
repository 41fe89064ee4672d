import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;

/**
 * Counts per code and window as fast as the DataStream API allows: own scan of the JSON, sums before the
 * shuffle, no object for an event. All of Flink runs in this JVM.
 */
public final class FlinkDataStreamPeer {
    public static void main(String[] args) {
        Peer.run(FlinkDataStreamPeer::count);
    }

    private static void count(Peer peer) throws Exception {
        KafkaSource<Count> source = KafkaSource.<Count>builder()
                .setBootstrapServers(peer.bootstrap())
                .setTopics(peer.topic())
                .setGroupId(peer.group())
                .setProperty("interceptor.classes", "ReadCounter")
                .setStartingOffsets(OffsetsInitializer.earliest())
                // Ends with what is there, and with it the last windows.
                .setBounded(OffsetsInitializer.latest())
                .setValueOnlyDeserializer(new EventScan())
                .build();
        KafkaSink<Count> sink = KafkaSink.<Count>builder()
                .setBootstrapServers(peer.bootstrap())
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setRecordSerializer(KafkaRecordSerializationSchema.<Count>builder()
                        .setTopic(peer.outputTopic())
                        .setValueSerializationSchema(new ToJson())
                        .build())
                .build();

        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(settings(peer));
        // In the source itself, so that each partition has its own watermark ("Generating Watermarks").
        env.fromSource(
                        source,
                        WatermarkStrategy.<Count>forBoundedOutOfOrderness(Peer.LATENESS)
                                .withTimestampAssigner((event, recordMs) -> event.atMs),
                        "events")
                .transform("combine", TypeInformation.of(Count.class), new Combine(peer.window()))
                .keyBy(count -> count.code)
                .window(TumblingEventTimeWindows.of(peer.window()))
                .reduce((a, b) -> new Count(a.code, a.atMs, a.events + b.events))
                .sinkTo(sink);
        env.execute();
    }

    private static Configuration settings(Peer peer) {
        Configuration settings = new Configuration();
        // "Execution Configuration", enableObjectReuse: operators hand on the same object instead of a copy.
        settings.setString("pipeline.object-reuse", "true");
        // One core, one of each operator: "Parallel Execution".
        settings.setString("parallelism.default", "1");
        // "Checkpointing": what fault316 and Kafka Streams have, too. The job need not wait for a last one:
        // at the end of its input its sink writes all.
        settings.setString("execution.checkpointing.interval", "10 s");
        settings.setString("execution.checkpointing.dir", "file://" + peer.stateDir());
        settings.setString("execution.checkpointing.checkpoints-after-tasks-finish", "false");
        settings.setString("state.backend.type", "hashmap");
        settings.setString("restart-strategy.type", "disable");
        settings.setString("rest.bind-address", "127.0.0.1");
        return settings;
    }

    /** A class, because Flink asks for its type, which a lambda does not have. */
    private static final class ToJson implements SerializationSchema<Count> {
        @Override
        public byte[] serialize(Count sum) {
            return "{\"code\":\"%s\",\"window\":%d,\"events\":%d}"
                    .formatted(sum.code, sum.atMs / 1000, sum.events)
                    .getBytes(StandardCharsets.UTF_8);
        }
    }
}
