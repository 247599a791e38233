// Serves the function of package sdks with StateFun's SDK for JavaScript.
"use strict";

const http = require("http");
const { parseArgs } = require("util");
const { StateFun } = require("apache-flink-statefun");

const { bindProgram } = require("./program");

const { values: options } = parseArgs({
  options: {
    namespace: { type: "string", default: "javascript" },
    port: { type: "string", default: "0" },
    state: { type: "string", multiple: true, default: [] },
  },
});

const statefun = new StateFun();
bindProgram(statefun, options.namespace, options.state);

const server = http.createServer(statefun.handler());
server.listen(Number(options.port), "127.0.0.1", () => {
  console.log("listening 127.0.0.1:" + server.address().port);
});
process.stdin.on("end", () => process.exit(0)).resume();
