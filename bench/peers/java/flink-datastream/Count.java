/** So many events of a code: one, at its time, or a window's sum, at its beginning. A POJO of Flink's. */
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
