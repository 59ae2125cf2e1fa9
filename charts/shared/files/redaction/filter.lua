-- The Lua filter of redaction, after the rules: `given` has the rules and patterns of the values.

local trees, ordered, counts, numbers = {}, {}, {}, false
for index, rule in ipairs(given) do
  local known = rules[rule.name] or {}
  trees[index] = parse(rule.regex or known.regex)
  ordered[index] = { name = rule.name, text = rule.text, matches = matcher(trees[index], known.check) }
  numbers = numbers or rule.regex or rule.name == "card-number"
end
local suspicious = searcher(trees)

local function count(name, value)
  counts[name] = (counts[name] or 0) + value
end

-- The redacted text, or nothing if it has no secret.
local function redacted(text)
  if not suspicious(text) then return end
  local found = {}
  for order, rule in ipairs(ordered) do
    rule.matches(text, function(first, last) found[#found + 1] = { first, last, order } end)
  end
  if #found == 0 then return end
  table.sort(found, function(one, other)
    if one[1] ~= other[1] then return one[1] < other[1] end
    return one[3] < other[3]
  end)
  local parts, free = {}, 1
  for index, match in ipairs(found) do
    local first, last, rule = match[1], match[2], ordered[match[3]]
    if first >= free then
      -- What overlaps is one secret.
      for more = index + 1, #found do
        if found[more][1] > last then break end
        last = math.max(last, found[more][2])
      end
      -- A number of JSON becomes a string.
      local quote = text:sub(math.max(1, first - 8), first - 1):match('(\\?")%s*:%s*$')
      if not quote or not text:find("^%s*[,}%]]", last + 1) then quote = "" end
      parts[#parts + 1] = text:sub(free, first - 1) .. quote .. rule.text .. quote
      free = last + 1
      count(rule.name, 1)
    end
  end
  return table.concat(parts) .. text:sub(free)
end

-- Keys are few: remember those without a secret.
local clean, cleaned = {}, 0
local function redactedKey(key)
  if clean[key] then return end
  local made = redacted(key)
  if made then return made end
  if cleaned >= 2000 then clean, cleaned = {}, 0 end
  clean[key], cleaned = true, cleaned + 1
end

-- Fields of the agent itself. Outputs route by the names, which cannot contain a secret.
local own = { offset = true }
local names = {
  pod_name = true, namespace_name = true, container_name = true, host = true, pod_id = true, pod_ip = true,
  docker_id = true, container_hash = true, container_image = true,
}
local walk
local function redactedValue(value, depth, kept)
  local kind = type(value)
  if kind == "string" then return redacted(value) end
  if kind == "number" and numbers and value % 1 == 0 and math.abs(value) < 2 ^ 53 then
    return redacted(string.format("%.0f", value))
  end
  if kind == "table" and walk(value, depth + 1, kept) then return value end
end
-- Redact a table in place; returns whether it has changed.
walk = function(record, depth, kept)
  local changed
  if depth > 64 then error("too deep") end
  for key, value in pairs(record) do
    local name = type(key) == "string" and redactedKey(key)
    local new = not (kept and kept[key]) and redactedValue(value, depth, depth == 1 and key == "kubernetes" and names or nil)
    if new or name then changed = changed or {} changed[#changed + 1] = { key, name or key, new or value } end
  end
  for _, change in ipairs(changed or {}) do
    if change[1] ~= change[2] then record[change[1]] = nil end
    record[change[2]] = change[3]
  end
  return changed
end

-- Private keys in several records, by stream, as one for each line: redact lines of base64 up to the end.
local pem, open, opened
for _, rule in ipairs(ordered) do
  if rule.name == "pem-private-key" then pem, open, opened = rule, {}, 0 end
end
local material = ("[%w+/=]"):rep(24)
local function redactKeyLines(tag, record)
  local field = type(record.log) == "string" and "log" or "message"
  local text = record[field]
  if type(text) ~= "string" then return end
  local mentioned = text:find("PRIVATE KEY", 1, true)
  if opened == 0 and not mentioned then return end
  local stream = tag .. ":" .. tostring(record.stream) .. ":" .. tostring(record.file)
  local state, changed = open[stream], nil
  if state then
    local lines = {}
    for line, rest in (text .. "\n"):gmatch("([^\n]*)(\n)") do
      local key = not state.ended and line:match("^%s*([%w+/]+=*)%s*$")
      if key and #key % 4 == 0 and (#key >= 16 or state.within) then
        state.within, changed = true, true
        if lines[#lines] ~= pem.text then lines[#lines + 1] = pem.text end
      else
        lines[#lines + 1] = line
        state.ended = state.ended or line:find("%-%-%-%u+ [%u%d ]*%-%-%-")
      end
    end
    if changed then
      record[field] = table.concat(lines, "\n")
      count(pem.name, 1)
    end
    state.left = state.left - 1
    if state.ended or state.left == 0 then open[stream], opened = nil, opened - 1 end
  end
  local after
  if mentioned then
    for stop in text:gmatch("%-%-%-BEGIN [%u%d ]*PRIVATE KEY[%u ]*%-%-%-%-%-()") do after = stop end
  end
  local rest = after and text:sub(after)
  if rest and not rest:find("-----END ", 1, true) and (rest:find(material) or not rest:gsub("\\[nrt]", ""):find("%w")) then
    if opened >= 1000 then open, opened = {}, 0 end
    if not open[stream] then opened = opened + 1 end
    open[stream] = { left = 256 }
  end
  return changed
end

-- Every five seconds, a record of this tag becomes one record for each redaction, which a filter drops and thereby counts.
local function counted()
  local made = {}
  for name, value in pairs(counts) do
    local now = math.min(value, 20000)
    counts[name] = value > now and value - now or nil
    local record = { rule = name }
    for _ = 1, now do made[#made + 1] = record end
  end
  if #made == 0 then return -1, 0, nil end
  return 2, 0, made
end

function redact(tag, timestamp, record)
  if tag == counter then return counted() end
  local done, changed = pcall(function()
    local changed = pem and redactKeyLines(tag, record)
    return walk(record, 1, own) or changed
  end)
  if not done then
    -- Never send what could not be checked.
    count("error", 1)
    return 2, timestamp, { log = "[REDACTED:error]", kubernetes = record.kubernetes }
  end
  if changed then return 2, timestamp, record end
  return 0, timestamp, nil
end
