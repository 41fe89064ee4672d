import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Counts what a Kafka consumer reads: once for each poll, so that counting costs an event nothing, and for
 * all the peers in the same way. Named in a consumer's `interceptor.classes`.
 */
public final class ReadCounter implements ConsumerInterceptor<Object, Object> {
    private static final Map<String, LongAdder> READ = new ConcurrentHashMap<>();

    /** The records of this topic that all consumers of this program got so far. */
    static long read(String topic) {
        return of(topic).sum();
    }

    private static LongAdder of(String topic) {
        return READ.computeIfAbsent(topic, t -> new LongAdder());
    }

    @Override
    public ConsumerRecords<Object, Object> onConsume(ConsumerRecords<Object, Object> records) {
        for (TopicPartition partition : records.partitions()) {
            of(partition.topic()).add(records.records(partition).size());
        }
        return records;
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {}

    @Override
    public void close() {}

    @Override
    public void configure(Map<String, ?> configs) {}
}
