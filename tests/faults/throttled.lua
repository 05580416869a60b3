-- The traffic of the benchmark at a steady rate, whatever an answer takes: whoever is free takes the next turn.
-- Arguments: `-- PATH_OF_TRAFFIC REQUESTS_A_SECOND`; run by one thread, with connections enough to keep the rate.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
]]
local MONOTONIC = 1

function setup(thread)
  threads = (threads or 0) + 1
  thread:set("seed", threads * 7919 + os.time())
end

local gap, turn = 0, nil
local now = ffi.new("instant")

function delay()
  ffi.C.clock_gettime(MONOTONIC, now)
  local milliseconds = tonumber(now.seconds) * 1e3 + tonumber(now.nanoseconds) / 1e6
  -- Turns that were missed for more than a second are not made up for: that would be a load of another kind.
  turn = math.max((turn or milliseconds) + gap, milliseconds - 1e3)
  return math.max(0, math.floor(turn - milliseconds))
end

function init(args)
  gap = 1e3 / tonumber(args[2])
  dofile(args[1])
  math.randomseed(seed)
end

function done(summary)
  io.write(string.format('{"requests": %d, "microseconds": %d, "refused": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
