import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Counts per code and window in SQL, with a window table-valued function; all of Flink runs in this JVM. */
public final class FlinkSqlPeer {
    private static final String EVENTS =
            """
            CREATE TABLE events (
                code STRING,
                `count` INT,
                occurred_at TIMESTAMP_LTZ(3),
                WATERMARK FOR occurred_at AS occurred_at - INTERVAL '%d' SECOND
            ) WITH (
                'connector' = 'kafka',
                'topic' = '%s',
                'properties.bootstrap.servers' = '%s',
                'properties.group.id' = '%s',
                'properties.interceptor.classes' = 'ReadCounter',
                'scan.startup.mode' = 'earliest-offset',
                -- Ends with what is there, and with it the last windows.
                'scan.bounded.mode' = 'latest-offset',
                'format' = 'json',
                'json.timestamp-format.standard' = 'ISO-8601'
            )
            """;
    private static final String COUNTS =
            """
            CREATE TABLE counts (code STRING, `window` BIGINT, events BIGINT) WITH (
                'connector' = 'kafka',
                'topic' = '%s',
                'properties.bootstrap.servers' = '%s',
                'format' = 'json'
            )
            """;
    private static final String COUNT =
            """
            INSERT INTO counts
            SELECT code, UNIX_TIMESTAMP(DATE_FORMAT(window_start, 'yyyy-MM-dd HH:mm:ss')),
                SUM(CAST(COALESCE(`count`, 1) AS BIGINT))
            FROM TUMBLE(TABLE events, DESCRIPTOR(occurred_at), INTERVAL '%d' SECONDS)
            GROUP BY code, window_start, window_end
            """;

    public static void main(String[] args) {
        Peer.run(FlinkSqlPeer::count);
    }

    private static void count(Peer peer) throws Exception {
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.newInstance()
                .inStreamingMode()
                .withConfiguration(settings(peer))
                .build());
        long latenessS = Peer.LATENESS.toSeconds();
        tables.executeSql(EVENTS.formatted(latenessS, peer.topic(), peer.bootstrap(), peer.group()));
        tables.executeSql(COUNTS.formatted(peer.outputTopic(), peer.bootstrap()));
        tables.executeSql(COUNT.formatted(peer.window().toSeconds())).await();
    }

    private static Configuration settings(Peer peer) {
        Configuration settings = new Configuration();
        settings.setString("table.local-time-zone", "UTC");
        // "Performance Tuning" of Table API & SQL: mini-batches (in windows they are always on, in memory
        // which Flink manages) and local-global aggregation.
        settings.setString("table.exec.mini-batch.enabled", "true");
        settings.setString("table.exec.mini-batch.allow-latency", "1 s");
        settings.setString("table.exec.mini-batch.size", "50000");
        settings.setString("table.optimizer.agg-phase-strategy", "TWO_PHASE");
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
}
