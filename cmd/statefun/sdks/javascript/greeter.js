// The functions person and greeter; see doc.go.
"use strict";

const { StateFun, messageBuilder, egressMessageBuilder } = require("apache-flink-statefun");

const visitType = StateFun.jsonType("greeter/visit");
const personalType = StateFun.jsonType("greeter/personal");
const recordType = StateFun.jsonType("io.statefun.playground/EgressRecord");

function greeting({ name, visits }) {
  if (visits === 1) return `Welcome, ${name}!`;
  if (visits === 2) return `Nice to see you again, ${name}!`;
  return `This is visit ${visits}, ${name}!`;
}

function bindGreeter(statefun, namespace) {
  statefun.bind({
    typename: namespace + "/person",
    specs: [{ name: "visits", type: StateFun.intType() }],
    fn(context, message) {
      const { name } = message.as(visitType);
      context.storage.visits += 1;
      const value = { name, visits: context.storage.visits };
      context.send(messageBuilder({ typename: namespace + "/greeter", id: name, value, valueType: personalType }));
    },
  });
  statefun.bind({
    typename: namespace + "/greeter",
    fn(context, message) {
      const value = { topic: "greetings", payload: greeting(message.as(personalType)) };
      context.send(egressMessageBuilder({ typename: "io.statefun.playground/egress", value, valueType: recordType }));
    },
  });
}

module.exports = { bindGreeter };
