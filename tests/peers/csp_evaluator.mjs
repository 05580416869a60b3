// What csp_evaluator finds, a policy a line: JSON strings on standard input, JSON objects on standard output.
//
//   findings   [type, severity, directive, value] each, IGNORED left out; null where it throws
//   error      what it throws
//   without    where it throws: the findings it would have, were a URL that cannot be parsed one without host and path
import { createInterface } from 'node:readline'
import { CspEvaluator, DEFAULT_CHECKS, STRICTCSP_CHECKS } from 'csp_evaluator/dist/evaluator.js'
import { Severity, Type } from 'csp_evaluator/dist/finding.js'
import { CspParser } from 'csp_evaluator/dist/parser.js'

const RealURL = globalThis.URL

class ForgivingURL {
  constructor(text) {
    this.hostname = ''
    this.pathname = '/'
    try {
      const { hostname, pathname } = new RealURL(text)
      Object.assign(this, { hostname, pathname })
    } catch {}
  }
}

function evaluate(policy) {
  return new CspEvaluator(new CspParser(policy).csp)
    .evaluate(STRICTCSP_CHECKS, DEFAULT_CHECKS)
    .filter((finding) => finding.type !== Type.IGNORED)
    .map(({ type, severity, directive, value }) => [Type[type], Severity[severity], directive, value ?? null])
}

function answer(policy) {
  try {
    return { findings: evaluate(policy), error: null, without: null }
  } catch (error) {
    globalThis.URL = ForgivingURL
    try {
      return { findings: null, error: error.message, without: evaluate(policy) }
    } finally {
      globalThis.URL = RealURL
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + '\n')
}
