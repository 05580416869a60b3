// Runs the tests of @mdn/mdn-http-observatory on answers from standard input, without its retrieval: one JSON object a
// line in, one a line out; of a `score` it tells the grade. The list of preloaded hosts, which its package fetches when
// it is installed, is what the first line says.
import fs from "node:fs";
import { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })[Symbol.asyncIterator]();
const preloaded = (await lines.next()).value;

// The file is not there, and the directory of a package is no place to write to.
const readFileSync = fs.readFileSync;
fs.readFileSync = (path, ...rest) =>
  String(path).endsWith("hsts-preload.json") ? preloaded : readFileSync(path, ...rest);

const root = "@mdn/mdn-http-observatory/src";
const { AxiosHeaders } = await import("axios");
const { CookieJar } = await import("tough-cookie");
const { ALL_TESTS } = await import(`${root}/constants.js`);
const { HTML_TYPES, Requests } = await import(`${root}/types.js`);
const { parseHttpEquivHeaders } = await import(`${root}/retriever/utils.js`);
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await import(`${root}/grader/charts.js`);
const { getGradeForScore, getScoreModifier } = await import(`${root}/grader/grader.js`);

const POLICY = "content-security-policy";

/** The headers as node's parser makes an object of them, and axios its own. */
function headersOf(pairs) {
  const message = new IncomingMessage(null);
  message._addHeaderLines(pairs.flat(), 2 * pairs.length);
  return new AxiosHeaders(message.headers);
}

function responseOf(answer) {
  return answer && { headers: headersOf(answer.headers), status: answer.status, verified: answer.verified };
}

function requestsOf(given) {
  const requests = new Requests(given.host);
  const { responses } = requests;
  responses.auto = responseOf(given.page);
  responses.https = responseOf(given.https);
  responses.http = responseOf(given.http);
  responses.httpRedirects = given.route.map((url) => ({ url: new URL(url), status: 301 }));
  responses.httpsRedirects = responses.httpRedirects;
  responses.cors = responseOf(given.preflight);
  if (responses.cors) responses.cors.request = { headers: new AxiosHeaders({ Origin: given.origin }) };

  const jar = new CookieJar();
  for (const { url, text } of given.cookies) jar.setCookieSync(text, url, { ignoreError: true });
  requests.session = { url: new URL(given.page_url), jar };

  requests.resources.path = given.page.body;
  const isHtml = HTML_TYPES.has(responses.auto.headers["content-type"]?.split(";")[0]) && given.page.body;
  responses.auto.httpEquiv = isHtml ? parseHttpEquivHeaders(given.page.body, given.page_url) : new Map();
  return requests;
}

/** With every policy in a header or element of its own, as releases from 1.6 on read commas; whether there were any. */
function splitPolicies({ responses: { auto } }) {
  const split = (values) => values.flatMap((value) => value.split(",").map((policy) => policy.trim()));
  const sent = auto.headers.has(POLICY) ? [auto.headers.get(POLICY)] : [];
  const metas = auto.httpEquiv.get(POLICY) ?? [];
  if (sent.length) auto.headers.set(POLICY, split(sent));
  auto.httpEquiv.set(POLICY, split(metas));
  return [...sent, ...metas].some((value) => value.includes(","));
}

/** As its scanner adds up, which cannot be had without its retrieval. */
function graded(requests) {
  let score = 100;
  let uncurved = 100;
  const tests = {};
  for (const test of ALL_TESTS) {
    const output = test(requests);
    const modifier = getScoreModifier(output.result);
    score += modifier;
    uncurved += Math.min(0, modifier);
    tests[output.constructor.name] = { result: output.result, modifier, passed: output.pass };
  }
  return { ...getGradeForScore(uncurved >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? score : uncurved), tests };
}

function judged(given) {
  const answer = graded(requestsOf(given));
  const requests = requestsOf(given);
  return splitPolicies(requests) ? { ...answer, split: graded(requests) } : answer;
}

for await (const line of lines) {
  const given = JSON.parse(line);
  let answer;
  try {
    answer = "score" in given ? getGradeForScore(given.score) : judged(given);
  } catch (error) {
    answer = { failure: String(error.stack) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
