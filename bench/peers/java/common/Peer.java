import java.time.Duration;
import java.util.Map;

/** What the runner asks for, and how it is told of progress; see bench/peers/README.md. */
record Peer(
        String bootstrap,
        String topic,
        String outputTopic,
        String group,
        String stateDir,
        long events,
        Duration window) {

    /** So late may an event be and count in its window, as in fault316 (docs/contracts.md, "Time"). */
    static final Duration LATENESS = Duration.ofSeconds(60);

    /** Returns when all events are read and all results are written to Kafka. */
    interface Job {
        void run(Peer peer) throws Exception;
    }

    /** Does the job, says so, waits for SIGTERM. Ends the program with 1 where it failed or missed events. */
    static void run(Job job) {
        Peer peer = fromEnvironment();
        peer.tellProgress();
        try {
            job.run(peer);
        } catch (Exception e) {
            fail(e);
        }
        long read = ReadCounter.read(peer.topic);
        if (read < peer.events) {
            fail(new IllegalStateException("ended after " + read + " of " + peer.events + " events"));
        }
        say(read, ", \"done\": true");
    }

    /** Ends the program with 1; its last words are the cause. */
    static void fail(Throwable error) {
        error.printStackTrace();
        Throwable cause = error;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        System.err.println(cause);
        Runtime.getRuntime().halt(1); // an exit would wait for threads that may be stuck
    }

    private static Peer fromEnvironment() {
        Map<String, String> env = System.getenv();
        return new Peer(
                env.get("PEER_BOOTSTRAP"),
                env.get("PEER_TOPIC"),
                env.get("PEER_OUTPUT_TOPIC"),
                env.get("PEER_GROUP"),
                env.get("PEER_STATE_DIR"),
                Long.parseLong(env.get("PEER_EVENTS")),
                Duration.ofSeconds(Long.parseLong(env.get("PEER_WINDOW_S"))));
    }

    /** Once a second, from a thread of its own; which also keeps the program running when the job is done. */
    private void tellProgress() {
        new Thread(() -> {
            while (true) {
                say(ReadCounter.read(topic), "");
                sleep(Duration.ofSeconds(1));
            }
        }).start();
    }

    private static void say(long read, String more) {
        System.out.println("{\"read\": " + read + more + "}");
    }

    static void sleep(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
