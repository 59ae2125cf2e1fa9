-- Regular expressions for the Lua filter of redaction: LuaJIT has none, and those of Fluent Bit backtrack without a limit. These are
-- compiled to automata over bytes, whose states are made when they are first needed, so that the cost is linear in the length of a
-- record. Syntax: RE2 without Unicode classes, and `(?<=`, `(?<!`, `(?=` and `(?!` for one byte. Matches are leftmost-longest.

local byte = string.byte
-- Sets of bytes; 256 stands for the ends of a text.
local function set(first, last)
  local made = {}
  for value = first or 0, last or 255 do made[value] = true end
  return made
end
local function add(made, other)
  for value in pairs(other) do made[value] = true end
  return made
end
local function except(other, last)
  local made = {}
  for value = 0, last or 255 do made[value] = not other[value] or nil end
  return made
end
local digit = set(48, 57)
local word = add(add(add(set(65, 90), set(97, 122)), set(95, 95)), digit)
local space = add(set(9, 10), add(set(12, 13), set(32, 32)))
local any, line = set(0, 256), except(set(10, 10))
local edge, newline = set(256, 256), add(set(10, 10), set(256, 256))
local plain = except(word, 256)
local classes = { d = digit, w = word, s = space, D = except(digit), W = except(word), S = except(space) }
local controls = { n = 10, r = 13, t = 9, f = 12, v = 11, a = 7 }
local named = {
  alnum = except(except(word), 255), alpha = add(set(65, 90), set(97, 122)), digit = digit, word = word, space = add(set(11, 11), space),
  lower = set(97, 122), upper = set(65, 90), xdigit = add(add(set(65, 70), set(97, 102)), digit), blank = add(set(9, 9), set(32, 32)),
  punct = add(add(set(33, 47), set(58, 64)), add(set(91, 96), set(123, 126))), cntrl = add(set(0, 31), set(127, 127)),
  graph = set(33, 126), print = set(32, 126), ascii = set(0, 127),
}
named.alnum[95] = nil

-- A text as a tree of { kind, ... }.
local function parse(text)
  local at, parseAll = 1, nil
  local function take(expected)
    if text:sub(at, at + #expected - 1) == expected then at = at + #expected return true end
  end
  local function either(made, flags)
    if flags.i then
      for value = 65, 90 do
        if made[value] or made[value + 32] then made[value], made[value + 32] = true, true end
      end
    end
    return made
  end
  -- What follows a backslash: a set, or an assertion.
  local function escape(flags, inside)
    local key = text:sub(at, at)
    at = at + 1
    if classes[key] then return { "set", add({}, classes[key]) } end
    if key == "x" then
      local hex = text:match("^{(%x+)}", at) or text:match("^%x%x", at)
      at = at + (text:sub(at, at) == "{" and #hex + 2 or 2)
      return { "set", either(set(tonumber(hex, 16), tonumber(hex, 16)), flags) }
    end
    if not inside and key == "b" then return { "alt", { { "look", word, plain }, { "look", plain, word } } } end
    if not inside and key == "B" then return { "alt", { { "look", word, word }, { "look", plain, plain } } } end
    if not inside and key == "A" then return { "look", edge, any } end
    if not inside and key == "z" then return { "look", any, edge } end
    local value = controls[key] or byte(key)
    return { "set", either(set(value, value), flags) }
  end
  local function parseSet(flags)
    local made, negated, first = {}, take("^"), true
    while first or text:sub(at, at) ~= "]" do
      first = false
      local name = text:match("^%[:(%^?%a+):%]", at)
      if name then
        at = at + #name + 4
        add(made, name:sub(1, 1) == "^" and except(named[name:sub(2)]) or named[name])
      else
        local item
        if take("\\") then item = escape(flags, true)[2] else item = set(byte(text, at), byte(text, at)) at = at + 1 end
        if text:match("^%-[^%]]", at) then
          at = at + 1
          local last
          if take("\\") then last = escape(flags, true)[2] else last = set(byte(text, at), byte(text, at)) at = at + 1 end
          item = set(next(item), next(last))
        end
        add(made, item)
      end
    end
    at = at + 1
    either(made, flags)
    return { "set", negated and except(made) or made }
  end
  local function copied(flags)
    return { i = flags.i, s = flags.s, m = flags.m }
  end
  local function parseGroup(flags)
    for _, look in ipairs({ { "?<=", 2 }, { "?<!", 2, true }, { "?=", 3 }, { "?!", 3, true } }) do
      if take(look[1]) then
        local found = parseAll(copied(flags))[2][1][2]
        local item = { "look", any, any }
        item[look[2]] = look[3] and except(found, 256) or found
        at = at + 1
        return item
      end
    end
    local own = copied(flags)
    local name = text:match("^%?P?<%w+>", at)
    if name then
      at = at + #name
    elseif take("?") then
      local value = true
      while not take(":") do
        local key = text:sub(at, at)
        at = at + 1
        if key == ")" then
          -- The flags apply to the rest of the group outside.
          for flag in pairs({ i = 1, s = 1, m = 1 }) do flags[flag] = own[flag] end
          return { "cat", {} }
        elseif key == "-" then value = nil else own[key] = value end
      end
    end
    local item = parseAll(own)
    at = at + 1
    return item
  end
  local function parseItem(flags)
    local key = text:sub(at, at)
    at = at + 1
    if key == "(" then return parseGroup(flags) end
    if key == "[" then return parseSet(flags) end
    if key == "\\" then return escape(flags) end
    if key == "." then return { "set", flags.s and set() or add({}, line) } end
    if key == "^" then return { "look", flags.m and newline or edge, any } end
    if key == "$" then return { "look", any, flags.m and newline or edge } end
    return { "set", either(set(byte(key), byte(key)), flags) }
  end
  local function parseSequence(flags)
    local items = {}
    while at <= #text and text:sub(at, at) ~= "|" and text:sub(at, at) ~= ")" do
      local item = parseItem(flags)
      while true do
        local low, comma, high = text:match("^{(%d+)(,?)(%d*)}", at)
        if low then
          at = at + #low + #comma + #high + 2
          item = { "repeat", item, tonumber(low), tonumber(high) or (comma == "" and tonumber(low) or nil) }
        elseif take("*") then item = { "repeat", item, 0 }
        elseif take("+") then item = { "repeat", item, 1 }
        elseif take("?") then item = { "repeat", item, 0, 1 }
        else break end
      end
      items[#items + 1] = item
    end
    return { "cat", items }
  end
  parseAll = function(flags)
    local items = { parseSequence(flags) }
    while take("|") do items[#items + 1] = parseSequence(flags) end
    return #items == 1 and items[1] or { "alt", items }
  end
  return parseAll({})
end

-- An automaton of several trees. With `backward` it reads them, and texts, from the end; with `search` it starts at every byte.
local function automaton(trees, backward, search)
  local nodes, known, count = {}, {}, 0
  local function node(made)
    nodes[#nodes + 1] = made
    return #nodes
  end
  local function build(tree, out)
    local kind = tree[1]
    if kind == "set" then return node({ set = tree[2], out = out }) end
    if kind == "look" then
      return node({ left = backward and tree[3] or tree[2], right = backward and tree[2] or tree[3], out = out })
    end
    if kind == "alt" then
      local outs = {}
      for index, item in ipairs(tree[2]) do outs[index] = build(item, out) end
      return node({ outs = outs })
    end
    if kind == "cat" then
      local items = tree[2]
      for index = 1, #items do out = build(items[backward and index or #items + 1 - index], out) end
      return out
    end
    local item, least, most = tree[2], tree[3], tree[4]
    if most then
      local last = out
      for _ = least + 1, most do out = node({ outs = { build(item, out), last } }) end
    else
      local again = node({ outs = { 0, out } })
      nodes[again].outs[1] = build(item, again)
      out = again
    end
    for _ = 1, least do out = build(item, out) end
    return out
  end
  local match = node({ match = true })
  local starts = {}
  for index, tree in ipairs(trees) do starts[index] = build(tree, match) end
  -- Classes of the previous byte that assertions distinguish.
  local class, sets = {}, {}
  for _, made in ipairs(nodes) do
    if made.left and made.left ~= any then sets[made.left] = true end
  end
  for value = 0, 256 do
    local key = ""
    for made in pairs(sets) do key = key .. (made[value] and 1 or 0) end
    class[value] = key
  end
  -- Follow what consumes nothing, up to assertions, which wait for the next byte.
  local function reach(id, found)
    local made = nodes[id]
    if made.outs then
      if found[id] then return end
      found[id] = true
      for _, out in ipairs(made.outs) do reach(out, found) end
    else
      found[id] = true
    end
  end
  local function state(found, before)
    if search then
      for _, start in ipairs(starts) do reach(start, found) end
    end
    local items, asserts = {}, ""
    for id in pairs(found) do
      if not nodes[id].outs then
        items[#items + 1] = id
        if nodes[id].left then asserts = class[before] end
      end
    end
    table.sort(items)
    local key = table.concat(items, ",") .. ":" .. asserts
    local made = known[key]
    if not made then
      -- Bound the memory: forget all states.
      if count >= 1000 then known, count = {}, 0 end
      made = { items = items, before = before, dead = #items == 0 }
      known[key], count = made, count + 1
    end
    return made
  end
  local self, firsts = {}, {}
  function self.start(before)
    local first = firsts[class[before]]
    if not first then
      local found = {}
      for _, start in ipairs(starts) do reach(start, found) end
      first = state(found, before)
      firsts[class[before]] = first
    end
    return first
  end
  -- The next state, stored at the byte; whether a match ended before it, at 257 plus the byte.
  function self.step(from, value)
    local passed, waiting, matched, found = {}, {}, false, {}
    for _, id in ipairs(from.items) do waiting[#waiting + 1] = id end
    while #waiting > 0 do
      local id = table.remove(waiting)
      local made = nodes[id]
      if not passed[id] then
        passed[id] = true
        if made.match then
          matched = true
        elseif made.set then
          if made.set[value] then reach(made.out, found) end
        elseif made.left and made.left[from.before] and made.right[value] then
          local more = {}
          reach(made.out, more)
          for other in pairs(more) do waiting[#waiting + 1] = other end
        end
      end
    end
    local to = state(found, value)
    from[257 + value] = matched
    from[value] = search and not backward and matched and 0 or to
    return from[value]
  end
  return self
end

-- Whether any of several expressions matches a text. 0 stands for the state after a match. The inner loops of this function and the
-- next one leave missing states to the outer ones: calls that LuaJIT cannot compile would keep it from compiling the loop.
local function searcher(trees)
  local made = automaton(trees, false, true)
  local start, step = made.start(256), made.step
  return function(text)
    local at, index, length = start, 1, #text
    while index <= length do
      for position = index, length do
        local to = at[byte(text, position)]
        index = position
        if not to or to == 0 then break end
        at, index = to, position + 1
      end
      if index <= length then
        at = step(at, byte(text, index))
        if at == 0 then return true end
        index = index + 1
      end
    end
    return (at[256] or step(at, 256)) == 0
  end
end

-- Calls `found` with the first and last byte of each match that `check` accepts, at most as changed by it.
local function matcher(tree, check)
  local suspicious, forward, backward = searcher({ tree }), automaton({ tree }), automaton({ tree }, true, true)
  local start, step = backward.start(256), backward.step
  -- Where matches begin, in descending order.
  local function begins(text)
    local found, at, index = {}, start, #text
    while index > 0 do
      for position = index, 1, -1 do
        local value = byte(text, position)
        local to = at[value]
        index = position
        if not to then break end
        if at[257 + value] then found[#found + 1] = position + 1 end
        at, index = to, position - 1
      end
      if index > 0 then step(at, byte(text, index)) end
    end
    if not at[256] then step(at, 256) end
    if at[513] then found[#found + 1] = 1 end
    return found
  end
  return function(text, found)
    if not suspicious(text) then return end
    local length, starts = #text, begins(text)
    local free, budget = 1, 16 * length + 4096
    for index = #starts, 1, -1 do
      local first = starts[index]
      if first >= free then
        local last
        local at = forward.start(first > 1 and byte(text, first - 1) or 256)
        for position = first, length + 1 do
          local value = position <= length and byte(text, position) or 256
          local to = at[value] or forward.step(at, value)
          if at[257 + value] then last = position - 1 end
          at, budget = to, budget - 1
          if at.dead or budget < 0 then break end
        end
        if budget < 0 then
          -- Too expensive to say where matches end: take the rest.
          found(first, length)
          return
        end
        local from, to = first, last
        if check and to then from, to = check(text, from, to) end
        if from and to and to >= from then
          found(from, to)
          free = to + 1
        end
      end
    end
  end
end
