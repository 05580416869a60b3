-- What wrk posts: reports of a shop's visitors. Every second body was never seen before: its page, position and sample
-- vary; the others repeat. With arguments `-- batch N`, Reporting API batches of N reports.

local user_agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
local policy = "default-src 'none'; script-src 'report-sample' 'self' https://cdn.shop.example; style-src 'self'; "
  .. "img-src 'self' data:; connect-src 'self' https://api.shop.example; font-src 'self'; frame-src 'none'; "
  .. "base-uri 'none'; form-action 'self'; report-uri https://reports.shop.example/report/abcdefgh"
local kinds = {
  {"script-src-elem", "https://h%d.vendor.example/assets/app.js"},
  {"img-src", "https://img%d.vendor.example/pixel.gif"},
  {"connect-src", "https://api%d.vendor.example/v1/events"},
  {"style-src-elem", "https://css%d.vendor.example/site.css"},
}
local single = '{"csp-report":{"document-uri":"https://shop.example/catalogue/%d?id=%d","referrer":"https://shop.example/",'
  .. '"violated-directive":"%s","effective-directive":"%s","original-policy":"' .. policy .. '","disposition":"report",'
  .. '"blocked-uri":"%s","line-number":%d,"column-number":%d,"source-file":"https://shop.example/static/app.%d.js",'
  .. '"status-code":200,"script-sample":""}}'
local inline = '{"csp-report":{"document-uri":"https://shop.example/catalogue/%d?id=%d","referrer":"https://shop.example/",'
  .. '"violated-directive":"script-src-elem","effective-directive":"script-src-elem","original-policy":"' .. policy
  .. '","disposition":"report","blocked-uri":"inline","line-number":%d,"column-number":%d,'
  .. '"source-file":"https://shop.example/catalogue/%d","status-code":200,"script-sample":"render(%d)"}}'
local member = '{"age":%d,"type":"csp-violation","url":"https://shop.example/catalogue/%d?id=%d","user_agent":"' .. user_agent
  .. '","body":{"documentURL":"https://shop.example/catalogue/%d?id=%d","disposition":"report","referrer":"",'
  .. '"effectiveDirective":"%s","blockedURL":"%s","originalPolicy":"' .. policy .. '","statusCode":200,'
  .. '"sample":"","sourceFile":"https://shop.example/static/app.%d.js","lineNumber":%d,"columnNumber":%d}}'

local random = math.random
local count, batch = 0, 0
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads * 7919 + os.time())
end

function init(args)
  math.randomseed(seed)
  if args[1] == "batch" then batch = tonumber(args[2]) end
end

local function one()
  count = count + 1
  local is_new = count % 2 == 1
  local kind = kinds[random(#kinds)]
  local blocked = string.format(kind[2], random(50))
  local page, id = random(is_new and 2000 or 50), random(is_new and 1000000 or 3)
  local line, column = is_new and random(5000) or 1, is_new and random(200) or 1
  if batch > 0 then
    return string.format(member, random(60000), page, id, page, id, kind[1], blocked, random(9), line, column)
  end
  if count % 20 == 0 then return string.format(inline, page, id, line, column, page, random(100)) end
  return string.format(single, page, id, kind[1], kind[1], blocked, line, column, random(9))
end

function request()
  local headers = {["Content-Type"] = "application/csp-report", ["User-Agent"] = user_agent}
  if batch == 0 then return wrk.format("POST", nil, headers, one()) end
  local members = {}
  for place = 1, batch do members[place] = one() end
  headers["Content-Type"] = "application/reports+json"
  return wrk.format("POST", nil, headers, "[" .. table.concat(members, ",") .. "]")
end

function done(summary, latency, requests)
  io.write(string.format('{"requests": %d, "microseconds": %d, "refused": %d, "socket_errors": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
