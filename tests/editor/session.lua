-- A session of Neovim on the clinic's files, with its built-in client: `nvim --headless --clean -c 'luafile …'`.
-- PALISADE is the program, CLINIC a copy of the clinic's configuration that nobody else uses. Each step that held is
-- printed; the first that does not ends the session with 1.
local program, clinic = vim.env.PALISADE, vim.env.CLINIC
local TIMEOUT = 60000

local function fail(what)
  io.stdout:write('FAILED: ' .. what .. '\n')
  vim.cmd('cquit 1')
end

local function hold(what, condition, seen)
  if not condition then
    fail(what .. ': ' .. vim.inspect(seen))
  end
  io.stdout:write('ok: ' .. what .. '\n')
end

local function wait(what, condition, seen)
  local held = vim.wait(TIMEOUT, condition, 20)
  hold(what, held, seen and seen())
end

local function text_of(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

local ended
local config = {
  name = 'palisade',
  cmd = { program, 'lsp' },
  root_dir = clinic,
  on_exit = function(code) ended = code end,
}

-- Neovim 0.8 and later have `vim.lsp.start`.
local client
local function attach()
  if vim.lsp.start then
    client = vim.lsp.start(config)
  else
    client = client or vim.lsp.start_client(config)
    vim.lsp.buf_attach_client(0, client)
  end
end

-- The line (from 0) of the current document in which a text stands first, and its byte.
local function find(text)
  for number, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    local at = line:find(text, 1, true)
    if at then return number - 1, at - 1 end
  end
  fail('no line has ' .. text)
end

local function put_cursor(text, further)
  local line, at = find(text)
  vim.api.nvim_win_set_cursor(0, { line + 1, at + (further or 0) })
end

local function replace(old, new)
  local line = find(old)
  local before = vim.api.nvim_buf_get_lines(0, line, line + 1, false)[1]
  local from, to = before:find(old, 1, true)
  vim.api.nvim_buf_set_lines(0, line, line + 1, false, { before:sub(1, from - 1) .. new .. before:sub(to + 1) })
end

local function ask(method, params)
  local answers = vim.lsp.buf_request_sync(0, method, params or vim.lsp.util.make_position_params(0, 'utf-16'), TIMEOUT)
  for _, answer in pairs(answers or {}) do return answer.result end
end

local function diagnostics() return vim.diagnostic.get(0) end

local roles = clinic .. '/policies/roles.cedar'
local written = text_of(roles)
vim.o.hidden = true
vim.cmd('edit ' .. roles)
attach()
wait('the server has introduced itself', function()
  local known = vim.lsp.get_client_by_id(client)
  return known and known.initialized
end)
put_cursor('DataClass::"pii.name"', 12)
hold('a clean configuration has no problem', ask('textDocument/hover') ~= nil and #diagnostics() == 0, diagnostics())

-- Broken, on a line with characters of two, three and four bytes before the place.
replace('@id("billing-sees-names")', '@id("billing-sees-names") @why("ä€😀") permit (principal in Tenant::"acem", action, resource); @id("x")')
wait('a name that there is not is told', function() return #diagnostics() == 1 end, diagnostics)
local problem = diagnostics()[1]
local line, at = find('Tenant::"acem"')
hold('at its place', problem.lnum == line and problem.col == at and problem.end_col == at + #'Tenant::"acem"', problem)
hold('with its code, its severity and what was meant', problem.code == 'unknown-tenant' and problem.severity == 1
  and problem.message:find('did you mean `acme`?', 1, true), problem)

-- Mended by what is proposed.
put_cursor('Tenant::"acem"', 10)
local params = vim.lsp.util.make_range_params(0, 'utf-16')
params.context = { diagnostics = {} }
local actions = ask('textDocument/codeAction', params)
hold('a fix is proposed', #actions == 1 and actions[1].title == 'change `acem` to `acme`', actions)
vim.lsp.util.apply_workspace_edit(actions[1].edit, 'utf-16')
find('Tenant::"acme", action, resource); @id("x")')
wait('the problem is gone', function() return #diagnostics() == 0 end, diagnostics)
vim.cmd('silent undo | silent undo')
wait('undone, nothing is told', function() return #diagnostics() == 0 end, diagnostics)

-- What a policy is.
put_cursor('@id("billing-sees-names")', 6)
vim.lsp.buf.hover()
local shown
wait('hover opens a window', function()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      shown = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), '\n')
      return true
    end
  end
end)
hold('with the effective text', shown:find('resource in principal.dataKey', 1, true) or shown:find('principal["dataKey"]', 1, true), shown)
hold('and what it is looked at for', shown:find('principal in Role::"billing"', 1, true), shown)

-- What could stand there.
local last = vim.api.nvim_buf_line_count(0)
vim.api.nvim_buf_set_lines(0, last, last, false, { 'permit (principal in Tenant::"ac', 'permit (principal, action, resource) when { principal.tenant.' })
local function offered()
  local found = ask('textDocument/completion')
  local labels = {}
  for _, item in ipairs(found.items) do table.insert(labels, item.label) end
  return table.concat(labels, ' ')
end
vim.api.nvim_win_set_cursor(0, { last + 1, #'permit (principal in Tenant::"ac' })
vim.o.virtualedit = 'onemore'
vim.api.nvim_win_set_cursor(0, { last + 1, #'permit (principal in Tenant::"ac' })
hold('tenants are offered', offered() == 'acme acme/east acme/west acme/west/sf1', offered())
vim.api.nvim_win_set_cursor(0, { last + 2, #'permit (principal, action, resource) when { principal.tenant.' })
hold('attributes are offered', offered() == 'dataKey status region tier isolation boundary', offered())
vim.cmd('silent undo')

-- Where something is written.
vim.cmd('edit! ' .. clinic .. '/policies/tenants/acme/sharing.cedar')
attach()
put_cursor('Tenant::"globex"', 10)
vim.lsp.buf.definition()
wait('the tenant is found in tenants.yaml', function()
  return vim.api.nvim_buf_get_name(0):match('tenants%.yaml$') ~= nil
end, function() return vim.api.nvim_buf_get_name(0) end)
hold('at its line', vim.api.nvim_get_current_line():match('^  globex:') ~= nil, vim.api.nvim_get_current_line())
attach()
vim.api.nvim_buf_set_lines(0, -1, -1, false, { '  globex: {regon: eu}' })
wait('a problem of tenants.yaml is told there', function() return #diagnostics() > 0 end, diagnostics)
vim.cmd('silent undo')
wait('and taken back', function() return #diagnostics() == 0 end, diagnostics)

-- A test beside the policies.
vim.cmd('edit! ' .. clinic .. '/policies/roles_test.yaml')
attach()
replace('policies: [auditors-look]', 'policies: [auditors-lok]')
wait('a test that names no policy is told', function() return #diagnostics() == 1 end, diagnostics)
hold('at the name', diagnostics()[1].code == 'unknown-policy' and diagnostics()[1].col == select(2, find('auditors-lok')), diagnostics())
put_cursor('policies: [clinicians-work', 14)
vim.lsp.buf.definition()
wait('its policy is found', function() return vim.api.nvim_buf_get_name(0):match('roles%.cedar$') ~= nil end)
hold('at its name', vim.api.nvim_get_current_line():find('@id("clinicians-work-with-charts")', 1, true) ~= nil, vim.api.nvim_get_current_line())

-- The end.
vim.lsp.stop_client(client)
wait('the server ends with 0', function() return ended == 0 end, function() return ended end)
hold('no file was written', text_of(roles) == written)
vim.cmd('qall!')
