// Reports faults from Java: plain JSON, any Kafka client.
//
//     mvn -q dependency:copy-dependencies
//     java -cp 'target/dependency/*' Producer.java 316-TIMEOUT-ERR 100

import java.net.InetAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

class Producer {
    /** With a JSON library at hand, use that: texts from outside must be escaped. */
    private static final String EVENT = """
            {"id": "%s", "code": "%s", "service": "shop-java", "occurred_at": "%s", "host": "%s",
             "endpoint": "/orders", "message": "no answer within 30 s"}""";

    public static void main(String[] arguments) throws Exception {
        var code = arguments.length > 0 ? arguments[0] : "316-OP-FAIL";
        var faults = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
        var environment = System.getenv();
        var topic = environment.getOrDefault("FAULT316_TOPIC_PREFIX", "316.") + "events";
        Map<String, Object> settings = Map.of( // idempotent by default: a retry is not a second fault
                "bootstrap.servers", environment.getOrDefault("FAULT316_BOOTSTRAP_SERVERS", "localhost:9092"),
                "client.id", "shop-java");
        var host = InetAddress.getLocalHost().getHostName();

        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            var sent = new ArrayList<Future<?>>();
            for (int n = 0; n < faults; n++) {
                var event = EVENT.formatted(UUID.randomUUID(), code, Instant.now(), host);
                sent.add(producer.send(new ProducerRecord<>(topic, event)));
            }
            for (var one : sent) {
                one.get(); // throws where Kafka has not taken it
            }
        }
    }
}
