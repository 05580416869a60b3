// The host facts of the installed csp_evaluator, as one JSON object on standard output.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { name, version, license } = JSON.parse(readFileSync(require.resolve('csp_evaluator/package.json')))
const lists = 'csp_evaluator/dist/allowlist_bypasses'
const jsonp = require(`${lists}/jsonp.js`)
const angular = require(`${lists}/angular.js`)
const flash = require(`${lists}/flash.js`)

console.log(
  JSON.stringify({
    name,
    version,
    license,
    needs_unsafe_eval: jsonp.NEEDS_EVAL,
    jsonp: jsonp.URLS,
    angular: angular.URLS,
    flash: flash.URLS,
  }),
)
