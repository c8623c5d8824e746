// Starts the program of jsii, whose path is the argument, in this very process.
//
// jsii's own start runs the program in a second Node.js and passes every message on, so that what the program prints
// does not get among the messages. Here what is printed is wrapped at once, in the form in which jsii's start wraps it.
"use strict";

const fs = require("node:fs");
const { Writable } = require("node:stream");

// The program talks to jsii's start on this descriptor, and to Python on standard input and output.
const CHANNEL = 3;
const { readSync, writeSync } = fs;
fs.readSync = (descriptor, ...rest) => readSync(descriptor === CHANNEL ? 0 : descriptor, ...rest);
fs.writeSync = (descriptor, ...rest) => writeSync(descriptor === CHANNEL ? 1 : descriptor, ...rest);

for (const name of ["stdout", "stderr"]) {
  const write = (chunk, _encoding, done) => {
    writeSync(2, `${JSON.stringify({ [name]: chunk.toString("base64") })}\n`);
    done();
  };
  // In place of Node.js's own stream, whose first use would stop the descriptor from blocking.
  Object.defineProperty(process, name, { value: new Writable({ write }) });
}

// Ctrl-C reaches everyone at the terminal. Python ends this program, which then tidies up.
process.on("SIGINT", () => {});

// As jsii's start does: packages then come into place by one link each, not by one for every file.
process.execArgv.push("--preserve-symlinks");

require(process.argv[2]);
