import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;

/** What is read of an event; a message is one event, a gateway's batch, or a tick without a subject. */
@JsonIgnoreProperties(ignoreUnknown = true)
public class Reading {
  public String subject;
  public Data data;

  @JsonIgnoreProperties(ignoreUnknown = true)
  public static class Data {
    public Double value;
  }

  public static ObjectReader reader() {
    return new ObjectMapper().enable(DeserializationFeature.ACCEPT_SINGLE_VALUE_AS_ARRAY).readerFor(Reading[].class);
  }

  public static Reading[] parse(ObjectReader reader, byte[] message) {
    try {
      return reader.readValue(message);
    } catch (IOException wrong) {
      throw new RuntimeException(wrong);
    }
  }

  public double x() {
    return data == null || data.value == null ? 1.0 : data.value;
  }
}
