"""The functions person and greeter; see doc.go."""

from statefun import IntType, ValueSpec, egress_message_builder, make_json_type, message_builder

VISIT = make_json_type("greeter/visit")
PERSONAL = make_json_type("greeter/personal")
RECORD = make_json_type("io.statefun.playground/EgressRecord")


def greeting(name, visits):
    if visits == 1:
        return f"Welcome, {name}!"
    if visits == 2:
        return f"Nice to see you again, {name}!"
    return f"This is visit {visits}, {name}!"


def bind_greeter(functions, namespace):
    @functions.bind(namespace + "/person", specs=[ValueSpec("visits", IntType)])
    def person(context, message):
        name = message.as_type(VISIT)["name"]
        visits = (context.storage.visits or 0) + 1
        context.storage.visits = visits
        value = {"name": name, "visits": visits}
        context.send(message_builder(namespace + "/greeter", name, value=value, value_type=PERSONAL))

    @functions.bind(namespace + "/greeter")
    def greeter(context, message):
        record = {"topic": "greetings", "payload": greeting(**message.as_type(PERSONAL))}
        context.send_egress(egress_message_builder("io.statefun.playground/egress", record, RECORD))
