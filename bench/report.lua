-- Browsers' reports for wrk: every request a new event in a new view, from one of 50,000 public addresses.

local n = 0
local prefix = ""
local digits = "0123456789abcdefghijklmnopqrstuvwxyz"

local function base36(number)
   local text = ""
   while number > 0 do
      local digit = number % 36
      text = digits:sub(digit + 1, digit + 1) .. text
      number = (number - digit) / 36
   end
   return text
end

-- The properties, page and signals of a product page's view, as the tag sends them.
local body = [[{"v":1,"site":"default","event":"ViewContent","view":"%s%08d%08d","n":%d,"time":%d,"sent":%d,]]
   .. [["url":"https://127.0.0.1/products/linen-shirt?utm_source=tiktok&ttclid=E.C.P.CrQBbenchbenchbenchbench",]]
   .. [["referrer":"https://127.0.0.1/collections/summer","properties":{"contents":[{"content_id":"1077218",]]
   .. [["content_type":"product","content_name":"Linen shirt","content_category":"Shirts","price":120,"quantity":1,]]
   .. [["brand":"Bench"}],"content_type":"product","content_ids":["1077218"],"value":120,"currency":"MAD"},]]
   .. [["ttclid":"E.C.P.CrQBbenchbenchbenchbench","ttp":"01JBENCHBENCHBENCHBENCHBEN_.tt.0",]]
   .. [["consent":"granted","pixel":"sent"}]]

function init(_args)
   math.randomseed(os.time() * 1000 + tonumber(tostring({}):match("0x(%x+)"), 16) % 1000)
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "text/plain;charset=UTF-8"
   wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
   wrk.headers["Accept"] = "*/*"
   wrk.headers["Accept-Language"] = "en-GB,en;q=0.5"
   wrk.headers["Referer"] = "https://127.0.0.1/products/linen-shirt"
   wrk.headers["Origin"] = "http://127.0.0.1"
end

function request()
   local now = os.time() * 1000
   if n % 1000 == 0 then prefix = base36(now) end
   n = n + 1
   wrk.headers["X-Forwarded-For"] = string.format("8.%d.%d.7", math.random(0, 249), math.random(0, 199))
   return wrk.format(nil, nil, nil, string.format(
      body, prefix, math.random(0, 99999999), math.random(0, 99999999), n, now - 5, now))
end

function done(summary, latency, _requests)
   local bad = summary.errors
   io.write(string.format(
      'FIGURES {"seconds":%f,"answered":%d,"refused":%d,"broken":%d,"p50_ms":%f,"p99_ms":%f}\n',
      summary.duration / 1e6, summary.requests, bad.status, bad.connect + bad.read + bad.write + bad.timeout,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
