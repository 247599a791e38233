package sdks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import org.apache.flink.statefun.sdk.java.TypeName;
import org.apache.flink.statefun.sdk.java.types.SimpleType;
import org.apache.flink.statefun.sdk.java.types.Type;

/** Types whose values are JSON. */
final class Json {
  private static final Gson GSON = new Gson();

  private Json() {}

  static <T> Type<T> type(String typename, java.lang.reflect.Type of) {
    return SimpleType.simpleTypeFrom(
        TypeName.typeNameFromString(typename),
        value -> GSON.toJson(value).getBytes(UTF_8),
        bytes -> GSON.fromJson(new String(bytes, UTF_8), of));
  }
}
