package example;

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

/** The functions person and greeter. */
final class Greeter {
  private static final TypeName PERSON = TypeName.typeNameFromString("example/person");
  private static final TypeName GREETER = TypeName.typeNameFromString("example/greeter");
  private static final TypeName PLAYGROUND = TypeName.typeNameFromString("io.statefun.playground/egress");

  private static final Type<Visit> VISIT = JsonType.of("example/Visit", Visit.class);
  private static final Type<Personal> PERSONAL = JsonType.of("example/Personal", Personal.class);
  private static final Type<Record> RECORD = JsonType.of("io.statefun.playground/EgressRecord", Record.class);

  private static final ValueSpec<Integer> VISITS = ValueSpec.named("visits").withIntType();

  private record Visit(String name) {}

  private record Personal(String name, int visits) {}

  private record Record(String topic, String payload) {}

  private Greeter() {}

  static StatefulFunctions functions() {
    return new StatefulFunctions()
        .withStatefulFunction(
            StatefulFunctionSpec.builder(PERSON).withValueSpec(VISITS).withSupplier(() -> Greeter::visit).build())
        .withStatefulFunction(StatefulFunctionSpec.builder(GREETER).withSupplier(() -> Greeter::greet).build());
  }

  /** Counts the visits of one person. */
  private static CompletableFuture<Void> visit(Context context, Message message) {
    String name = message.as(VISIT).name();
    int visits = context.storage().get(VISITS).orElse(0) + 1;
    context.storage().set(VISITS, visits);
    context.send(
        MessageBuilder.forAddress(GREETER, name).withCustomType(PERSONAL, new Personal(name, visits)).build());
    return context.done();
  }

  /** Finds the words. */
  private static CompletableFuture<Void> greet(Context context, Message message) {
    Record record = new Record("greetings", greeting(message.as(PERSONAL)));
    context.send(EgressMessageBuilder.forEgress(PLAYGROUND).withCustomType(RECORD, record).build());
    return context.done();
  }

  private static String greeting(Personal to) {
    return switch (to.visits()) {
      case 1 -> "Welcome, " + to.name() + "!";
      case 2 -> "Nice to see you again, " + to.name() + "!";
      default -> "Visit number " + to.visits() + ", " + to.name() + "!";
    };
  }
}
