"""The greeter, served with StateFun's SDK for Python."""

import os

from aiohttp import web
from statefun import IntType, RequestReplyHandler, StatefulFunctions, ValueSpec
from statefun import egress_message_builder, make_json_type, message_builder

VISIT = make_json_type("example/Visit")
PERSONAL = make_json_type("example/Personal")
RECORD = make_json_type("io.statefun.playground/EgressRecord")

functions = StatefulFunctions()


@functions.bind("example/person", specs=[ValueSpec("visits", IntType)])
def person(context, message):
    """Counts the visits of one person."""
    name = message.as_type(VISIT)["name"]
    visits = (context.storage.visits or 0) + 1
    context.storage.visits = visits
    value = {"name": name, "visits": visits}
    context.send(message_builder("example/greeter", name, value=value, value_type=PERSONAL))


@functions.bind("example/greeter")
def greeter(context, message):
    """Finds the words."""
    record = {"topic": "greetings", "payload": greeting(**message.as_type(PERSONAL))}
    context.send_egress(egress_message_builder("io.statefun.playground/egress", record, RECORD))


def greeting(name, visits):
    if visits == 1:
        return f"Welcome, {name}!"
    if visits == 2:
        return f"Nice to see you again, {name}!"
    return f"Visit number {visits}, {name}!"


handler = RequestReplyHandler(functions)


async def handle(request):
    answer = await handler.handle_async(await request.read())
    return web.Response(body=answer, content_type="application/octet-stream")


if __name__ == "__main__":
    # Without a size, aiohttp refuses requests of more than 1 MiB.
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/statefun", handle)
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    print(f"serving example/person and example/greeter at http://{host}:{port}/statefun", flush=True)
    web.run_app(app, host=host, port=port, print=None)
