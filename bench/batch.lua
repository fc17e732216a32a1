-- A back end's batches for wrk: the file named after "--", with every @@ replaced by a number no request shares.

local n = 0
local first, template

function init(args)
   first = os.time() % 10000000
   local file = assert(io.open(args[1]))
   template = file:read("*a")
   file:close()
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   wrk.headers["Access-Token"] = args[2]
end

function request()
   n = n + 1
   return wrk.format(nil, nil, nil, (template:gsub("@@", first .. "x" .. n)))
end

function done(summary, latency, _requests)
   local bad = summary.errors
   io.write(string.format(
      'FIGURES {"seconds":%f,"answered":%d,"refused":%d,"broken":%d,"p50_ms":%f,"p99_ms":%f}\n',
      summary.duration / 1e6, summary.requests, bad.status, bad.connect + bad.read + bad.write + bad.timeout,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
