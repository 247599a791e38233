package sdks;

import java.util.concurrent.CompletableFuture;
import org.apache.flink.statefun.sdk.java.Context;
import org.apache.flink.statefun.sdk.java.StatefulFunctionSpec;
import org.apache.flink.statefun.sdk.java.StatefulFunctions;
import org.apache.flink.statefun.sdk.java.TypeName;
import org.apache.flink.statefun.sdk.java.ValueSpec;
import org.apache.flink.statefun.sdk.java.message.EgressMessageBuilder;
import org.apache.flink.statefun.sdk.java.message.Message;
import org.apache.flink.statefun.sdk.java.message.MessageBuilder;
import org.apache.flink.statefun.sdk.java.types.Type;

/** The functions person and greeter; see doc.go. */
final class Greeter {
  private static final ValueSpec<Integer> VISITS = ValueSpec.named("visits").withIntType();
  private static final TypeName PLAYGROUND = TypeName.typeNameFromString("io.statefun.playground/egress");
  private static final Type<Visit> VISIT = Json.type("greeter/visit", Visit.class);
  private static final Type<Personal> PERSONAL = Json.type("greeter/personal", Personal.class);
  private static final Type<Record> RECORD = Json.type("io.statefun.playground/EgressRecord", Record.class);

  private record Visit(String name) {}

  private record Personal(String name, int visits) {}

  private record Record(String topic, String payload) {}

  private final TypeName greeter;

  private Greeter(TypeName greeter) {
    this.greeter = greeter;
  }

  static void bind(StatefulFunctions functions, String namespace) {
    TypeName name = TypeName.typeNameOf(namespace, "greeter");
    Greeter greeter = new Greeter(name);
    functions.withStatefulFunction(
        StatefulFunctionSpec.builder(TypeName.typeNameOf(namespace, "person"))
            .withValueSpec(VISITS)
            .withSupplier(() -> greeter::visit)
            .build());
    functions.withStatefulFunction(
        StatefulFunctionSpec.builder(name).withSupplier(() -> Greeter::greet).build());
  }

  private CompletableFuture<Void> visit(Context context, Message message) {
    String name = message.as(VISIT).name();
    int visits = context.storage().get(VISITS).orElse(0) + 1;
    context.storage().set(VISITS, visits);
    context.send(
        MessageBuilder.forAddress(greeter, name).withCustomType(PERSONAL, new Personal(name, visits)).build());
    return context.done();
  }

  private static CompletableFuture<Void> greet(Context context, Message message) {
    Record record = new Record("greetings", greeting(message.as(PERSONAL)));
    context.send(EgressMessageBuilder.forEgress(PLAYGROUND).withCustomType(RECORD, record).build());
    return context.done();
  }

  private static String greeting(Personal to) {
    return switch (to.visits()) {
      case 1 -> "Welcome, " + to.name() + "!";
      case 2 -> "Nice to see you again, " + to.name() + "!";
      default -> "This is visit " + to.visits() + ", " + to.name() + "!";
    };
  }
}
