package sdks;

import com.google.gson.reflect.TypeToken;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.statefun.sdk.java.Address;
import org.apache.flink.statefun.sdk.java.Context;
import org.apache.flink.statefun.sdk.java.StatefulFunction;
import org.apache.flink.statefun.sdk.java.StatefulFunctionSpec;
import org.apache.flink.statefun.sdk.java.StatefulFunctions;
import org.apache.flink.statefun.sdk.java.TypeName;
import org.apache.flink.statefun.sdk.java.ValueSpec;
import org.apache.flink.statefun.sdk.java.message.EgressMessageBuilder;
import org.apache.flink.statefun.sdk.java.message.Message;
import org.apache.flink.statefun.sdk.java.message.MessageBuilder;
import org.apache.flink.statefun.sdk.java.types.Type;

/** The function program, which interprets messages; see doc.go. */
final class Program implements StatefulFunction {
  private static final Type<Request> REQUEST = Json.type("sdks/program", Request.class);
  private static final Type<Map<String, Integer>> COUNTS =
      Json.type("sdks/counts", new TypeToken<Map<String, Integer>>() {}.getType());
  private static final TypeName OUT = TypeName.typeNameFromString("sdks/out");

  /** What a message asks for. */
  private static final class Request {
    String from;
    int n;
    List<Operation> ops;
  }

  private static final class Operation {
    String op;
    String state;
    @com.google.gson.annotations.SerializedName("else")
    String otherwise;
    int value;
    String to;
    String id;
    Request program;
    long delay;
    String token;
    String text;
    String key;
    int times;
  }

  private final Map<String, ValueSpec<Integer>> numbers = new HashMap<>();
  private final Map<String, ValueSpec<Map<String, Integer>>> counts = new HashMap<>();
  private final Map<String, Integer> tried = new ConcurrentHashMap<>();

  static void bind(StatefulFunctions functions, String namespace, List<String> states) {
    Program program = new Program();
    StatefulFunctionSpec.Builder spec =
        StatefulFunctionSpec.builder(TypeName.typeNameOf(namespace, "program")).withSupplier(() -> program);
    for (String state : states) {
      spec.withValueSpec(program.declare(state));
    }
    functions.withStatefulFunction(spec.build());
  }

  /** Reads NAME:TYPE[:MODE:MS]. */
  private ValueSpec<?> declare(String text) {
    String[] parts = text.split(":");
    ValueSpec.Untyped spec = ValueSpec.named(parts[0]);
    if (parts.length > 2) {
      Duration ttl = Duration.ofMillis(Long.parseLong(parts[3]));
      spec = parts[2].equals("write") ? spec.thatExpireAfterWrite(ttl) : spec.thatExpiresAfterCall(ttl);
    }
    if (parts[1].equals("counts")) {
      counts.put(parts[0], spec.withCustomType(COUNTS));
      return counts.get(parts[0]);
    }
    numbers.put(parts[0], spec.withIntType());
    return numbers.get(parts[0]);
  }

  @Override
  public CompletableFuture<Void> apply(Context context, Message message) throws Exception {
    Request request = message.as(REQUEST);
    if (request.n > 0) {
      int expected = count(context, "got", request.from);
      if (request.n != expected) {
        throw new IllegalStateException(
            "message " + request.n + " from " + request.from + ", expected " + expected);
      }
    }
    for (Operation op : request.ops) {
      run(context, op);
    }
    return context.done();
  }

  private void run(Context context, Operation op) throws InterruptedException {
    switch (op.op) {
      case "add" -> {
        ValueSpec<Integer> state = numbers.getOrDefault(op.state, numbers.get(op.otherwise));
        context.storage().set(state, context.storage().get(state).orElse(0) + op.value);
      }
      case "set" -> context.storage().set(numbers.get(op.state), op.value);
      case "clear" -> context.storage().remove(numbers.get(op.state));
      case "reply" -> {
        String text = context.storage().get(numbers.get(op.state)).map(String::valueOf).orElse("absent");
        context.send(MessageBuilder.forAddress(context.caller().orElseThrow()).withValue(text).build());
      }
      case "send" -> {
        op.program.from = nameOf(context.self());
        op.program.n = count(context, "sent", op.to + "/" + op.id);
        context.send(messageOf(op));
      }
      case "after" -> {
        Duration delay = Duration.ofMillis(op.delay);
        if (op.token == null) {
          context.sendAfter(delay, messageOf(op));
        } else {
          context.sendAfter(delay, op.token, messageOf(op));
        }
      }
      case "cancel" -> context.cancelDelayedMessage(op.token);
      case "emit" -> context.send(EgressMessageBuilder.forEgress(OUT).withValue(op.text).build());
      case "sleep" -> Thread.sleep(op.delay);
      case "fail" -> {
        int attempt = tried.merge(op.key, 1, Integer::sum);
        if (attempt <= op.times) {
          throw new IllegalStateException("planned failure " + attempt + " of " + op.key);
        }
      }
      default -> throw new IllegalArgumentException("unknown operation " + op.op);
    }
  }

  /** Counts a key of a state of counts up. */
  private int count(Context context, String state, String key) {
    Map<String, Integer> all = context.storage().get(counts.get(state)).orElseGet(HashMap::new);
    int n = all.merge(key, 1, Integer::sum);
    context.storage().set(counts.get(state), all);
    return n;
  }

  private static Message messageOf(Operation op) {
    return MessageBuilder.forAddress(TypeName.typeNameFromString(op.to), op.id)
        .withCustomType(REQUEST, op.program)
        .build();
  }

  private static String nameOf(Address address) {
    return address.type().asTypeNameString() + "/" + address.id();
  }
}
