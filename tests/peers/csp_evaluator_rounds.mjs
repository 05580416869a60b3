// How long csp_evaluator takes: the first line of standard input is a JSON list of policies; for every further line it
// evaluates them all, and answers with the seconds of the processor that this took.
import { createInterface } from 'node:readline'
import { CspEvaluator, DEFAULT_CHECKS, STRICTCSP_CHECKS } from 'csp_evaluator/dist/evaluator.js'
import { CspParser } from 'csp_evaluator/dist/parser.js'

function round(policies) {
  const began = process.cpuUsage()
  let findings = 0
  for (const policy of policies) {
    try {
      findings += new CspEvaluator(new CspParser(policy).csp).evaluate(STRICTCSP_CHECKS, DEFAULT_CHECKS).length
    } catch {}
  }
  const { user, system } = process.cpuUsage(began)
  return { seconds: (user + system) / 1e6, findings }
}

let policies
for await (const line of createInterface({ input: process.stdin })) {
  if (policies === undefined) policies = JSON.parse(line)
  else console.log(JSON.stringify(round(policies)))
}
