-- The traffic of the benchmark, at a part of what the server can take: each connection pauses before its next request.
-- Arguments: `-- PATH_OF_TRAFFIC MILLISECONDS`.

function setup(thread)
  threads = (threads or 0) + 1
  thread:set("seed", threads * 7919 + os.time())
end

local pause = 0

function delay() return math.random(0, 2 * pause) end

function init(args)
  pause = tonumber(args[2])
  dofile(args[1])
  math.randomseed(seed)
end

function done(summary)
  io.write(string.format('{"requests": %d, "microseconds": %d, "refused": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
