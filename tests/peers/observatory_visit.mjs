// Has @mdn/mdn-http-observatory visit sites of this machine and test them, its own retrieval included: one JSON object
// a line in, with a host and its two ports, and one a line out, a result by the name of each test's function.
import fs from "node:fs";
import { createInterface } from "node:readline";

// The list of preloaded hosts, which the package fetches when it is installed, has none of loopback.
const readFileSync = fs.readFileSync;
fs.readFileSync = (path, ...rest) => (String(path).endsWith("hsts-preload.json") ? "{}" : readFileSync(path, ...rest));

const root = "@mdn/mdn-http-observatory/src";
const { ALL_TESTS } = await import(`${root}/constants.js`);
const { retrieve } = await import(`${root}/retriever/retriever.js`);

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { host, ...ports } = JSON.parse(line);
  const requests = await retrieve(host, ports);
  const results = ALL_TESTS.map((test) => [test.name, test(requests).result]);
  console.log(JSON.stringify(Object.fromEntries(results)));
}
