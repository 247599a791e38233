// Writes functions/protocol/testdata/npm.golden: the messages of
// functions/protocol/testdata/messages.json, and some drawn at random, in the bytes
// that the generated code of the unmodified JavaScript SDK makes of them. The tests of
// functions/protocol hold our code against that file, so Go alone is enough for them.
//
// To make it again, with Node 16 or newer, in this directory:
//
//   npm install --no-save apache-flink-statefun@3.3.0
//   node golden.js
'use strict';

const fs = require('fs');
const path = require('path');

const generated = 'apache-flink-statefun/dist/generated';
const classes = Object.assign({}, ...['request-reply', 'kafka-egress', 'kinesis-egress', 'types']
  .map((file) => require(`${generated}/${file}_pb.js`)));
const {ToFunction, FromFunction} = classes;

// The class of each field that holds messages, by the class that has the field.
const members = new Map([
  [ToFunction, {invocation: ToFunction.InvocationBatchRequest}],
  [ToFunction.InvocationBatchRequest, {target: classes.Address, state: ToFunction.PersistedValue, invocations: ToFunction.Invocation}],
  [ToFunction.PersistedValue, {stateValue: classes.TypedValue}],
  [ToFunction.Invocation, {caller: classes.Address, argument: classes.TypedValue}],
  [FromFunction, {invocationResult: FromFunction.InvocationResponse, incompleteInvocationContext: FromFunction.IncompleteInvocationContext}],
  [FromFunction.InvocationResponse, {
    stateMutations: FromFunction.PersistedValueMutation, outgoingMessages: FromFunction.Invocation,
    delayedInvocations: FromFunction.DelayedInvocation, outgoingEgresses: FromFunction.EgressMessage,
  }],
  [FromFunction.PersistedValueMutation, {stateValue: classes.TypedValue}],
  [FromFunction.Invocation, {target: classes.Address, argument: classes.TypedValue}],
  [FromFunction.DelayedInvocation, {target: classes.Address, argument: classes.TypedValue}],
  [FromFunction.EgressMessage, {argument: classes.TypedValue}],
  [FromFunction.IncompleteInvocationContext, {missingValues: FromFunction.PersistedValueSpec}],
  [FromFunction.PersistedValueSpec, {expirationSpec: FromFunction.ExpirationSpec}],
]);

// build makes a message of a class from its fields, as in protobuf's JSON.
function build(cls, fields) {
  const message = new cls();
  for (const [name, value] of Object.entries(fields)) {
    const member = (members.get(cls) || {})[name];
    const setter = 'set' + name[0].toUpperCase() + name.slice(1);
    if (Array.isArray(value)) {
      message[setter + 'List'](value.map((v) => build(member, v)));
    } else {
      message[setter](member ? build(member, value) : value);
    }
  }
  return message;
}

// random returns a source of random integers below n, always the same one.
function random(seed) {
  seed = Math.imul(seed, 0x9e3779b1);
  return (n) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
}

// draw makes random fields for a class, of what the class's setters take.
function draw(cls, below) {
  const sub = members.get(cls) || {};
  const fields = {};
  for (const setter of Object.getOwnPropertyNames(cls.prototype).filter((m) => m.startsWith('set'))) {
    let name = setter[3].toLowerCase() + setter.slice(4);
    const list = name.endsWith('List') && sub[name.slice(0, -4)];
    if (list) {
      name = name.slice(0, -4);
      fields[name] = Array.from({length: below(4)}, () => draw(sub[name], below));
    } else if (below(4) > 0) {
      fields[name] = sub[name] ? draw(sub[name], below) : scalar(name, below);
    }
  }
  return fields;
}

function scalar(name, below) {
  switch (name) {
    case 'hasValue': case 'isCancellationRequest': return below(2) === 1;
    case 'value': return Buffer.from(Array.from({length: below(200)}, () => below(256))).toString('base64');
    case 'mutationType': case 'mode': return below(5) - 1;
    case 'delayInMs': case 'expireAfterMillis': return [0, 1, -1, 300, 86400000, Number.MAX_SAFE_INTEGER][below(6)];
  }
  return 'äx'.repeat(below(70)).slice(0, below(140));
}

const testdata = path.join(__dirname, '..', '..', 'functions', 'protocol', 'testdata');
const lines = [];
const write = (name, type, message) => lines.push(`${type} ${JSON.stringify(name)} ${Buffer.from(message.serializeBinary()).toString('hex')}`);

for (const [name, message] of Object.entries(JSON.parse(fs.readFileSync(path.join(testdata, 'messages.json'))))) {
  const [type, fields] = Object.entries(message)[0];
  write(name, type, build(classes[type], fields));
}
for (let seed = 1; seed <= 60; seed++) {
  for (const type of ['ToFunction', 'FromFunction']) {
    write(`random ${seed}`, type, build(classes[type], draw(classes[type], random(seed))));
  }
}
fs.writeFileSync(path.join(testdata, 'npm.golden'), lines.join('\n') + '\n');
console.log(`${lines.length} messages`);
