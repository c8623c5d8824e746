// Starts jsii's program in this very process.
//
// jsii's own start runs the program in a second Node.js and passes every message on, so that what the program prints
// does not get among the messages. Here that is done by wrapping what is printed, as jsii's start wraps it.
"use strict";

const fs = require("node:fs");

// The program talks to whoever started it on this descriptor; that is jsii's start. Ours has pipes.
const CHANNEL = 3;
const { readSync, writeSync } = fs;
fs.readSync = (descriptor, ...rest) => readSync(descriptor === CHANNEL ? 0 : descriptor, ...rest);
fs.writeSync = (descriptor, ...rest) => writeSync(descriptor === CHANNEL ? 1 : descriptor, ...rest);

for (const name of ["stdout", "stderr"]) {
  process[name].write = (chunk, encoding, done) => {
    const content = Buffer.from(chunk, typeof encoding === "string" ? encoding : undefined);
    writeSync(2, `${JSON.stringify({ [name]: content.toString("base64") })}\n`);
    [encoding, done].find((each) => typeof each === "function")?.();
    return true;
  };
}

// As jsii's start does: packages then come into place by one link each, not by one for every file.
process.execArgv.push("--preserve-symlinks");

require("../lib/program.js");
