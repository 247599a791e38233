"""The function program, which interprets messages; see doc.go."""

import asyncio
from collections import Counter
from datetime import timedelta

from statefun import (
    IntType,
    StringType,
    ValueSpec,
    egress_message_builder,
    make_json_type,
    message_builder,
)

PROGRAM = make_json_type("sdks/program")
TYPES = {"int": IntType, "counts": make_json_type("sdks/counts")}


def parse_state(text):
    """Reads NAME:TYPE[:MODE:MS]."""
    name, type_, *expiration = text.split(":")
    expires = {}
    if expiration:
        mode, ms = expiration
        expires["expire_after_" + mode] = timedelta(milliseconds=int(ms))
    return ValueSpec(name, TYPES[type_], **expires)


def name_of(address):
    return address.typename + "/" + address.id


def message_of(op):
    return message_builder(op["to"], op["id"], value=op["program"], value_type=PROGRAM)


def count(storage, state, key):
    """Counts a key of a state of counts up."""
    counts = getattr(storage, state) or {}
    counts[key] = counts.get(key, 0) + 1
    setattr(storage, state, counts)
    return counts[key]


class Interpreter:
    def __init__(self, declared):
        self.declared = declared
        self.tried = Counter()

    async def __call__(self, context, message):
        program = message.as_type(PROGRAM)
        if program.get("n"):
            expected = count(context.storage, "got", program["from"])
            if program["n"] != expected:
                raise ValueError(f"message {program['n']} from {program['from']}, expected {expected}")
        for op in program["ops"]:
            result = getattr(self, op["op"])(context, op)
            if result is not None:
                await result

    def add(self, context, op):
        state = op["state"] if op["state"] in self.declared else op["else"]
        before = getattr(context.storage, state) or 0
        setattr(context.storage, state, before + op.get("value", 0))

    def set(self, context, op):
        setattr(context.storage, op["state"], op.get("value", 0))

    def clear(self, context, op):
        delattr(context.storage, op["state"])

    def reply(self, context, op):
        value = getattr(context.storage, op["state"])
        text = "absent" if value is None else str(value)
        context.send(message_builder(context.caller.typename, context.caller.id, str_value=text))

    def send(self, context, op):
        op["program"]["from"] = name_of(context.address)
        op["program"]["n"] = count(context.storage, "sent", op["to"] + "/" + op["id"])
        context.send(message_of(op))

    def after(self, context, op):
        delay = timedelta(milliseconds=op.get("delay", 0))
        context.send_after(delay, message_of(op), op.get("token", ""))

    def cancel(self, context, op):
        context.cancel_delayed_message(op["token"])

    def emit(self, context, op):
        context.send_egress(egress_message_builder("sdks/out", op["text"], StringType))

    def sleep(self, _, op):
        return asyncio.sleep(op["delay"] / 1000)

    def fail(self, _, op):
        self.tried[op["key"]] += 1
        if self.tried[op["key"]] <= op["times"]:
            raise RuntimeError(f"planned failure {self.tried[op['key']]} of {op['key']}")


def bind_program(functions, namespace, states):
    specs = [parse_state(text) for text in states]
    interpreter = Interpreter({spec.name for spec in specs})

    async def program(context, message):
        await interpreter(context, message)

    functions.register(namespace + "/program", program, specs)
