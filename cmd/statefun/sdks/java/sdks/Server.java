package sdks;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import org.apache.flink.statefun.sdk.java.StatefulFunctions;
import org.apache.flink.statefun.sdk.java.handler.RequestReplyHandler;
import org.apache.flink.statefun.sdk.java.slice.Slice;
import org.apache.flink.statefun.sdk.java.slice.Slices;

/** Serves the function of package sdks with StateFun's SDK for Java. */
public final class Server {
  private static final int THREADS = 16;

  private final RequestReplyHandler functions;

  private Server(RequestReplyHandler functions) {
    this.functions = functions;
  }

  public static void main(String[] args) throws IOException {
    String namespace = "java";
    int port = 0;
    List<String> states = new ArrayList<>();
    for (int i = 0; i + 1 < args.length; i += 2) {
      switch (args[i]) {
        case "--namespace" -> namespace = args[i + 1];
        case "--port" -> port = Integer.parseInt(args[i + 1]);
        case "--state" -> states.add(args[i + 1]);
        default -> throw new IllegalArgumentException("unknown option " + args[i]);
      }
    }
    StatefulFunctions functions = new StatefulFunctions();
    Program.bind(functions, namespace, states);

    System.setProperty("sun.net.httpserver.nodelay", "true");
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 1024);
    server.setExecutor(Executors.newFixedThreadPool(THREADS));
    server.createContext("/", new Server(functions.requestReplyHandler())::handle);
    server.start();
    System.out.println("listening 127.0.0.1:" + server.getAddress().getPort());
    System.in.transferTo(java.io.OutputStream.nullOutputStream());
    System.exit(0);
  }

  private void handle(HttpExchange exchange) throws IOException {
    Slice request = Slices.wrap(exchange.getRequestBody().readAllBytes());
    Slice response;
    try {
      response = functions.handle(request).join();
    } catch (RuntimeException e) {
      System.err.println(e);
      exchange.sendResponseHeaders(500, -1);
      exchange.close();
      return;
    }
    exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
    int size = response.readableBytes();
    exchange.sendResponseHeaders(200, size == 0 ? -1 : size);
    exchange.getResponseBody().write(response.toByteArray());
    exchange.close();
  }
}
