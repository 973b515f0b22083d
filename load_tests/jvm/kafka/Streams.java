import com.fasterxml.jackson.databind.ObjectReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/** Kafka Streams with its DSL, RocksDB, changelog and defaults. Arguments: bootstrap, marks. */
public final class Streams {
  public static void main(String[] arguments) throws Exception {
    Meter.begin(arguments[1]);
    Properties chosen = new Properties();
    chosen.put("application.id", "bench-streams-" + System.nanoTime());
    chosen.put("bootstrap.servers", arguments[0]);
    chosen.put("num.stream.threads", 1);
    chosen.put("auto.offset.reset", "earliest");
    chosen.put("state.dir", Files.createTempDirectory("bench-streams").toString());
    ObjectReader reader = Reading.reader();
    Serde<Reading[]> readings =
        Serdes.serdeFrom((topic, value) -> null, (topic, bytes) -> bytes == null ? null : Reading.parse(reader, bytes));
    Serde<Reading> unused = Serdes.serdeFrom((topic, value) -> null, (topic, bytes) -> null);
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(List.of("home.sensors", "phone.usage", "care.calls"), Consumed.with(Serdes.String(), readings))
        .flatMapValues(found -> Arrays.asList(found))
        .filter((key, one) -> one.subject != null)
        .groupByKey(Grouped.with(Serdes.String(), unused))
        .aggregate(
            Home::new,
            (key, one, home) -> {
              Meter.take();
              return home.after(one.x());
            },
            Materialized.<String, Home, KeyValueStore<Bytes, byte[]>>as("homes")
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.serdeFrom((topic, home) -> write(home), (topic, bytes) -> read(bytes))));
    KafkaStreams streams = new KafkaStreams(builder.build(), chosen);
    streams.setUncaughtExceptionHandler(
        wrong -> {
          wrong.printStackTrace();
          Runtime.getRuntime().halt(3);
          return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    streams.start();
  }

  private static byte[] write(Home home) {
    return home == null ? null : ByteBuffer.allocate(16).putLong(home.count).putDouble(home.mean).array();
  }

  private static Home read(byte[] bytes) {
    if (bytes == null) {
      return null;
    }
    ByteBuffer from = ByteBuffer.wrap(bytes);
    Home home = new Home();
    home.count = from.getLong();
    home.mean = from.getDouble();
    return home;
  }
}
