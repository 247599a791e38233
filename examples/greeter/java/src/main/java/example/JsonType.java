package example;

import com.google.gson.Gson;
import java.nio.charset.StandardCharsets;
import org.apache.flink.statefun.sdk.java.TypeName;
import org.apache.flink.statefun.sdk.java.types.SimpleType;
import org.apache.flink.statefun.sdk.java.types.Type;

/** Types of messages that are JSON. */
final class JsonType {
  private static final Gson GSON = new Gson();

  private JsonType() {}

  static <T> Type<T> of(String name, Class<T> type) {
    return SimpleType.simpleImmutableTypeFrom(
        TypeName.typeNameFromString(name),
        value -> GSON.toJson(value).getBytes(StandardCharsets.UTF_8),
        bytes -> GSON.fromJson(new String(bytes, StandardCharsets.UTF_8), type));
  }
}
