import com.fasterxml.jackson.databind.ObjectReader;
import java.nio.file.Files;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/** Flink with keyed heap state and checkpoints every 10 s. Arguments: bootstrap, marks. */
public final class FlinkPeer {
  public static class Events implements DeserializationSchema<Reading> {
    private transient ObjectReader reader;

    @Override
    public void open(InitializationContext context) {
      reader = Reading.reader();
    }

    @Override
    public Reading deserialize(byte[] message) {
      throw new UnsupportedOperationException("a message may hold several");
    }

    @Override
    public void deserialize(byte[] message, Collector<Reading> out) {
      for (Reading one : Reading.parse(reader, message)) {
        if (one.subject != null) {
          out.collect(one);
        }
      }
    }

    @Override
    public boolean isEndOfStream(Reading one) {
      return false;
    }

    @Override
    public TypeInformation<Reading> getProducedType() {
      return TypeInformation.of(Reading.class);
    }
  }

  public static class Model extends KeyedProcessFunction<String, Reading, Long> {
    private transient ValueState<Home> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("home", Home.class));
    }

    @Override
    public void processElement(Reading one, Context context, Collector<Long> out) throws Exception {
      Home home = state.value();
      state.update((home == null ? new Home() : home).after(one.x()));
      Meter.take();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Meter.begin(arguments[1]);
    Configuration chosen = new Configuration();
    chosen.setString("state.backend.type", "hashmap");
    chosen.setString("execution.checkpointing.storage", "filesystem");
    chosen.setString("execution.checkpointing.dir", Files.createTempDirectory("bench-flink").toUri().toString());
    chosen.setString("execution.checkpointing.interval", "10s");
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1, chosen);
    KafkaSource<Reading> source =
        KafkaSource.<Reading>builder()
            .setBootstrapServers(arguments[0])
            .setTopics("home.sensors", "phone.usage", "care.calls")
            .setGroupId("bench-flink-" + System.nanoTime())
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setValueOnlyDeserializer(new Events())
            .build();
    environment
        .fromSource(source, WatermarkStrategy.noWatermarks(), "events")
        .keyBy(one -> one.subject)
        .process(new Model())
        .sinkTo(new DiscardingSink<>());
    environment.execute("bench");
  }
}
