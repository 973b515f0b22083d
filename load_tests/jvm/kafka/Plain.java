import com.fasterxml.jackson.databind.ObjectReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Plain consumer, Jackson, HashMap; no durable state. Arguments: bootstrap, marks. */
public final class Plain {
  public static void main(String[] arguments) {
    Meter.begin(arguments[1]);
    Properties chosen = new Properties();
    chosen.put("bootstrap.servers", arguments[0]);
    chosen.put("group.id", "bench-plain-" + System.nanoTime());
    chosen.put("auto.offset.reset", "earliest");
    chosen.put("enable.auto.commit", "false");
    ObjectReader reader = Reading.reader();
    HashMap<String, Home> homes = new HashMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(chosen, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of("home.sensors", "phone.usage", "care.calls"));
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          for (Reading one : Reading.parse(reader, record.value())) {
            if (one.subject != null) {
              homes.computeIfAbsent(one.subject, name -> new Home()).after(one.x());
              Meter.take();
            }
          }
        }
      }
    }
  }
}
