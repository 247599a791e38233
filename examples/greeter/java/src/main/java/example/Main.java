package example;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Objects;
import java.util.concurrent.Executors;
import org.apache.flink.statefun.sdk.java.handler.RequestReplyHandler;
import org.apache.flink.statefun.sdk.java.slice.Slice;
import org.apache.flink.statefun.sdk.java.slice.Slices;

/** Serves the greeter with StateFun's SDK for Java and the JDK's web server. */
public final class Main {
  private static final RequestReplyHandler FUNCTIONS = Greeter.functions().requestReplyHandler();

  private Main() {}

  public static void main(String[] args) throws IOException {
    String host = Objects.requireNonNullElse(System.getenv("HOST"), "127.0.0.1");
    int port = Integer.parseInt(Objects.requireNonNullElse(System.getenv("PORT"), "8000"));
    // Else an answer waits 40 ms for the acknowledgement of its head.
    System.setProperty("sun.net.httpserver.nodelay", "true");
    HttpServer server = HttpServer.create(new InetSocketAddress(host, port), 0);
    server.setExecutor(Executors.newFixedThreadPool(16));
    server.createContext("/statefun", Main::handle);
    server.start();
    System.out.println("serving example/person and example/greeter at http://" + host + ":" + port + "/statefun");
  }

  private static void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (!exchange.getRequestMethod().equals("POST")) {
        exchange.sendResponseHeaders(405, -1);
        return;
      }
      Slice answer;
      try {
        answer = FUNCTIONS.handle(Slices.wrap(exchange.getRequestBody().readAllBytes())).join();
      } catch (RuntimeException e) {
        // The status is what tells the runtime that the messages were not handled.
        e.printStackTrace();
        exchange.sendResponseHeaders(500, -1);
        return;
      }
      byte[] body = answer.toByteArray();
      exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
      exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
    }
  }
}
