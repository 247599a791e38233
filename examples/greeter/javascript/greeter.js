// The greeter, served with StateFun's SDK for JavaScript.
"use strict";

const http = require("http");
const { StateFun, messageBuilder, egressMessageBuilder } = require("apache-flink-statefun");

const visitType = StateFun.jsonType("example/Visit");
const personalType = StateFun.jsonType("example/Personal");
const recordType = StateFun.jsonType("io.statefun.playground/EgressRecord");

const statefun = new StateFun();

// Counts the visits of one person.
statefun.bind({
  typename: "example/person",
  specs: [{ name: "visits", type: StateFun.intType() }],
  fn(context, message) {
    const { name } = message.as(visitType);
    const visits = (context.storage.visits ?? 0) + 1;
    context.storage.visits = visits;
    context.send(messageBuilder({ typename: "example/greeter", id: name, value: { name, visits }, valueType: personalType }));
  },
});

// Finds the words.
statefun.bind({
  typename: "example/greeter",
  fn(context, message) {
    const value = { topic: "greetings", payload: greeting(message.as(personalType)) };
    context.send(egressMessageBuilder({ typename: "io.statefun.playground/egress", value, valueType: recordType }));
  },
});

function greeting({ name, visits }) {
  switch (visits) {
    case 1:
      return `Welcome, ${name}!`;
    case 2:
      return `Nice to see you again, ${name}!`;
  }
  return `Visit number ${visits}, ${name}!`;
}

const host = process.env.HOST ?? "127.0.0.1";
const port = Number(process.env.PORT ?? 8000);
http.createServer(statefun.handler()).listen(port, host, () => {
  console.log(`serving example/person and example/greeter at http://${host}:${port}/statefun`);
});
