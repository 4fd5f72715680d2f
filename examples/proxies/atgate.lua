-- Asks the gateway who makes a request, for haproxy.cfg. What is not allowed is answered here, and reaches no service.

local verify_url = "http://127.0.0.1:4000/auth/verify?"
local timeout_ms = 5000
-- What the gateway decides by, and nothing else.
local asked_by = {
  "cookie", "authorization", "atgate-account", "accept", "sec-fetch-mode", "sec-fetch-dest",
  "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "host", "user-agent",
}
local told = { "x-auth-did", "x-auth-handle", "x-auth-session", "x-auth-scope", "x-auth-token" }
local answered = { "location", "content-type", "cache-control", "retry-after", "www-authenticate" }

local function values(of)
  local list = {}
  for index = 0, #of do list[#list + 1] = of[index] end
  return list
end

core.register_action("atgate_verify", { "http-req" }, function(txn)
  local received = txn.http:req_get_headers()
  local headers = {
    ["x-forwarded-method"] = { txn.f:method() },
    ["x-forwarded-uri"] = { txn.f:pathq() },
  }
  for _, name in ipairs(asked_by) do
    if received[name] ~= nil then headers[name] = values(received[name]) end
  end
  local response = core.httpclient():get{
    url = verify_url .. txn:get_var("txn.verify_query"), headers = headers, timeout = timeout_ms,
  }
  if response.status == 200 then
    for _, name in ipairs(told) do
      local value = response.headers[name]
      txn.http:req_set_header(name, value and value[0] or "")
    end
    return
  end
  -- A gateway that is away, or answers anything unexpected, lets nobody through.
  local known = response.status == 303 or response.status == 401 or response.status == 403 or response.status == 503
  local reply = txn:reply{ status = known and response.status or 503 }
  if known then
    for _, name in ipairs(answered) do
      local value = response.headers[name]
      if value ~= nil then reply:add_header(name, value[0]) end
    end
    reply:set_body(response.body)
  end
  txn:done(reply)
end)
