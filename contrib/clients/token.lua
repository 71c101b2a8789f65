-- A token of a cogtok profile in Neovim, without making the editor wait:
--   require("token")("prod", function(err, token) … end)
-- err is the error object of docs/protocol.md. ask(params) may replace input().
local uv = vim.uv or vim.loop

local function input(params)
  if params.kind == "browser" then -- it tells the agent when it is done; here nothing is pasted
    vim.notify(params.text .. ":\n" .. params.url)
    if vim.ui.open then vim.ui.open(params.start_url or params.url) end -- Neovim 0.10
    return ""
  end
  return (params.echo and vim.fn.input or vim.fn.inputsecret)(params.text .. ": ")
end

return function(profile, done, ask)
  local agent, rest = uv.new_pipe(false), ""
  local function send(message)
    message.jsonrpc = "2.0"
    agent:write(vim.json.encode(message) .. "\n")
  end
  local function finish(err, token)
    if not agent:is_closing() then agent:close() done(err, token) end
  end
  local function receive(message)
    if message.method == "prompt" then
      local ok, answer = pcall(ask or input, message.params)
      if ok and answer then send({ id = message.id, result = { answer = answer } })
      else send({ id = message.id, error = { code = 3, message = "no answer" } }) end
    elseif message.error or message.id == 1 then
      finish(message.error, message.result and message.result.token)
    end
  end
  local state = (vim.env.XDG_STATE_HOME or uv.os_homedir() .. "/.local/state") .. "/cogtok/run/" .. uv.os_gethostname()
  local folder = vim.env.XDG_RUNTIME_DIR and vim.env.XDG_RUNTIME_DIR .. "/cogtok" or state
  local path = vim.env.COGTOK_SOCKET or folder .. "/agent.sock"
  agent:connect(path, vim.schedule_wrap(function(failed)
    if failed then return finish({ code = 4, message = "no agent (" .. failed .. "); run: cogtok agent start" }) end
    agent:read_start(vim.schedule_wrap(function(_, chunk)
      if not chunk then return finish({ code = 4, message = "the agent hung up" }) end
      rest = rest .. chunk
      for _ in chunk:gmatch("\n") do
        local line, after = rest:match("^(.-)\n(.*)$")
        rest = after
        receive(vim.json.decode(line))
      end
    end))
    send({ id = 1, method = "token", params = { profile = profile, interactive = true } })
  end))
end
