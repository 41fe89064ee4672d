import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * The first of two phases: sums per code and window, handed on with each watermark (every 200 ms), so that
 * a few sums cross the shuffle instead of all events. What Flink SQL's local-global aggregation does, in
 * plain Java.
 */
final class Combine extends AbstractStreamOperator<Count>
        implements OneInputStreamOperator<Count, Count>, BoundedOneInput {
    private final long windowMs;
    /** Window's beginning → code → sum. */
    private transient Map<Long, Map<String, Count>> sums;

    private transient long lastWindow;
    private transient Map<String, Count> lastSums;

    Combine(Duration window) {
        windowMs = window.toMillis();
    }

    @Override
    public void open() throws Exception {
        super.open();
        sums = new HashMap<>();
    }

    @Override
    public void processElement(StreamRecord<Count> element) {
        Count event = element.getValue();
        long window = event.atMs - Math.floorMod(event.atMs, windowMs);
        if (lastSums == null || window != lastWindow) {
            lastWindow = window;
            lastSums = sums.computeIfAbsent(window, w -> new HashMap<>());
        }
        Count sum = lastSums.get(event.code);
        if (sum == null) {
            lastSums.put(event.code, new Count(event.code, window, event.events));
        } else {
            sum.events += event.events;
        }
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        handOn();
        super.processWatermark(mark);
    }

    /** Nothing is kept over a checkpoint, so this operator needs no state of its own. */
    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) {
        handOn();
    }

    @Override
    public void endInput() {
        handOn();
    }

    private void handOn() {
        for (Map<String, Count> ofWindow : sums.values()) {
            for (Count sum : ofWindow.values()) {
                output.collect(new StreamRecord<>(sum, sum.atMs));
            }
        }
        sums.clear();
        lastSums = null;
    }
}
