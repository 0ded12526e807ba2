-- SPDX-License-Identifier: Apache-2.0
-- Gives out the requests of a file, each once; at the end says in one JSON line what came of it.
-- They are read, and so interned, before the first is sent: giving one out costs a table's look-up.

local requests, given = {}, 0
exhausted = false

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  while true do
    local length = file:read(9)
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
  collectgarbage("stop")
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

function request()
  given = given + 1
  local found = requests[given]
  if not found then
    exhausted = true
    return requests[#requests]
  end
  return found
end

function done(summary, latency)
  local ran_out = false
  for _, thread in ipairs(threads) do ran_out = ran_out or thread:get("exhausted") end
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"answer_count":%d,"seconds":%.6f,"wrong_count":%d,"p50_ms":%.4f,"p99_ms":%.4f,"exhausted":%s}\n',
    summary.requests, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, tostring(ran_out)))
end
