// The function program, which interprets messages; see doc.go.
"use strict";

const { StateFun, messageBuilder, egressMessageBuilder } = require("apache-flink-statefun");

const programType = StateFun.jsonType("sdks/program");
const types = { int: StateFun.intType(), counts: StateFun.jsonType("sdks/counts") };

// parseState reads NAME:TYPE[:MODE:MS].
function parseState(text) {
  const [name, type, mode, ms] = text.split(":");
  const spec = { name, type: types[type] };
  if (mode === "write") spec.expireAfterWrite = Number(ms);
  if (mode === "call") spec.expireAfterCall = Number(ms);
  return spec;
}

const nameOf = (address) => address.typename + "/" + address.id;

function messageOf(op) {
  return messageBuilder({ typename: op.to, id: op.id, value: op.program, valueType: programType });
}

// count counts a key of a state of counts up.
function count(storage, state, key) {
  const counts = storage[state] || {};
  counts[key] = (counts[key] || 0) + 1;
  storage[state] = counts;
  return counts[key];
}

function reply(context, op) {
  const { typename, id } = context.caller;
  const value = context.storage[op.state];
  const text = value === null ? "absent" : String(value);
  context.send(messageBuilder({ typename, id, value: text, valueType: StateFun.stringType() }));
}

function bindProgram(statefun, namespace, states) {
  const specs = states.map(parseState);
  const declared = new Set(specs.map((spec) => spec.name));
  const tried = new Map();

  const operations = {
    add({ storage }, op) {
      const state = declared.has(op.state) ? op.state : op.else;
      storage[state] = (storage[state] || 0) + (op.value || 0);
    },
    set({ storage }, op) {
      storage[op.state] = op.value || 0;
    },
    clear({ storage }, op) {
      storage[op.state] = null;
    },
    reply,
    send(context, op) {
      op.program.from = nameOf(context.self);
      op.program.n = count(context.storage, "sent", op.to + "/" + op.id);
      context.send(messageOf(op));
    },
    after(context, op) {
      context.sendAfter(op.delay || 0, messageOf(op), op.token);
    },
    cancel(context, op) {
      context.cancelDelayedMessage(op.token);
    },
    emit(context, op) {
      context.send(egressMessageBuilder({ typename: "sdks/out", value: op.text, valueType: StateFun.stringType() }));
    },
    sleep(_, op) {
      return new Promise((resolve) => setTimeout(resolve, op.delay));
    },
    fail(_, op) {
      const attempt = (tried.get(op.key) || 0) + 1;
      tried.set(op.key, attempt);
      if (attempt <= op.times) throw new Error(`planned failure ${attempt} of ${op.key}`);
    },
  };

  async function fn(context, message) {
    const program = message.as(programType);
    if (program.n) {
      const expected = count(context.storage, "got", program.from);
      if (expected !== program.n) throw new Error(`message ${program.n} from ${program.from}, expected ${expected}`);
    }
    for (const op of program.ops) {
      await operations[op.op](context, op);
    }
  }
  statefun.bind({ typename: namespace + "/program", specs, fn });
}

module.exports = { bindProgram };
