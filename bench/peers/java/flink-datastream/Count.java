/** So many events of a code: one, at its time, or the sum of a window, at its beginning. A POJO as Flink wants it. */
public final class Count {
    public String code;
    public long atMs;
    public long events;

    public Count() {}

    Count(String code, long atMs, long events) {
        this.code = code;
        this.atMs = atMs;
        this.events = events;
    }
}
