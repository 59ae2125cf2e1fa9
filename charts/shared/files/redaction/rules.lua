-- The rules of redaction by name: `regex` finds candidates, and `check` decides about them. It gets the text and the first and
-- last byte of a candidate, and returns those of the secret, or nothing. Sources of the formats: IAM's user guide ("Unique identifiers"),
-- RFC 7519, RFC 6750, RFC 7468, ISO/IEC 7812 with the ranges of the card networks, RFC 5321, and the IBAN registry of SWIFT.

-- Bytes of a text in base64url, as far as it is one.
local function decoded(text)
  local letters, made, bits, value = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", {}, 0, 0
  for letter in text:gmatch(".") do
    value, bits = value * 64 + (letters:find(letter, 1, true) or 1) - 1, bits + 6
    if bits >= 8 then
      local rest = 2 ^ (bits - 8)
      made[#made + 1] = string.char(math.floor(value / rest))
      value, bits = value % rest, bits - 8
    end
  end
  return table.concat(made)
end

-- The header of a token names its algorithm.
local function checkJwt(text, first, last)
  if decoded(text:sub(first, first + 4000):match("^[%w_-]+")):find('"alg"', 1, true) then return first, last end
end

-- Words after "bearer" are not tokens: require a digit or capitals in a row, unless it is a header.
local empty = { null = true, undefined = true, none = true }
local function checkBearer(text, first, last)
  local found = text:sub(first, last)
  local token = found:match("[%w._~+/-]+=*$")
  local header = found:lower():find("^authorization") and not empty[token:lower()]
  if header or token:find("%d") or (token:find("%l") and token:find("%u%u")) then return last + 1 - #token, last end
end

-- Hashes have no capitals, paths many slashes, and names few different letters.
local function checkSecretKey(text, first, last)
  local key = text:sub(first, last):gsub("\\", "")
  local seen, different = {}, 0
  for letter in key:gmatch(".") do
    if not seen[letter] then seen[letter], different = true, different + 1 end
  end
  local _, slashes = key:gsub("/", "")
  if different >= 18 and slashes < 6 and key:find("%d") and key:find("%u") and key:find("%l") then return first, last end
end

-- By first digits: the lengths of numbers. Longer ones come first.
local cards = {
  { 2221, 2720, 16 }, { 3528, 3589, 16, 19 }, { 6011, 6011, 16, 19 }, { 5018, 5018, 12, 19 }, { 5020, 5020, 12, 19 },
  { 5038, 5038, 12, 19 }, { 5893, 5893, 12, 19 }, { 6304, 6304, 12, 19 }, { 6759, 6759, 12, 19 }, { 6761, 6763, 12, 19 },
  { 644, 649, 16, 19 }, { 300, 305, 14 }, { 34, 34, 15 }, { 37, 37, 15 }, { 36, 36, 14 }, { 38, 39, 14 }, { 51, 55, 16 },
  { 62, 62, 16, 19 }, { 65, 65, 16, 19 }, { 4, 4, 13 }, { 4, 4, 16 }, { 4, 4, 19 },
}
local function isCard(digits)
  local known = false
  for _, card in ipairs(cards) do
    local prefix = tonumber(digits:sub(1, #tostring(card[1])))
    known = known or (prefix >= card[1] and prefix <= card[2] and #digits >= card[3] and #digits <= (card[4] or card[3]))
  end
  if not known then return false end
  local sum = 0
  for place = 1, #digits do
    local value = byte(digits, -place) - 48
    if place % 2 == 0 then value = value > 4 and value * 2 - 9 or value * 2 end
    sum = sum + value
  end
  return sum % 10 == 0
end

-- In groups as on cards, or in one, and not a part of a decimal fraction.
local function checkCard(text, first, last)
  if text:sub(first - 2, first - 1):find("^%d%.") then return end
  for to = last, first + 11, -1 do
    local found = text:sub(first, to)
    if not text:find("^%d", to + 1) and not text:find("^%.%d", to + 1) and found:find("%d$") then
      local groups, separators = {}, {}
      for group, separator in found:gmatch("(%d+)(%D?)") do
        groups[#groups + 1], separators[separator] = #group, separator ~= "" or nil
      end
      local shape = table.concat(groups, " ")
      local printed = #groups == 1 or shape:find("^4 4 4 ?[1-4]?$") or shape:find("^4 4 4 4 [1-3]$") or shape == "4 6 5" or shape == "4 6 4"
      if printed and not (separators[" "] and separators["-"]) and isCard((found:gsub("%D", ""))) then return first, to end
    end
  end
end

-- Neither files, packages, units of systemd, URLs nor addresses of repositories.
local endings = {}
for ending in ("png jpg jpeg gif svg webp ico css js mjs ts json html htm xml yaml yml txt md log conf tar gz tgz zip jar war exe dll so " ..
  "service socket timer target mount automount slice scope device path swap"):gmatch("%w+") do endings[ending] = true end
local function checkEmail(text, first, last)
  -- Lua's patterns take quadratic time, so limit the length.
  local domain = text:sub(math.max(first, last - 320), last):match("[^@]*$"):gsub(".*%%40", ""):gsub(".*\\u0040", "")
  local ending = domain:match("%a+$") or ""
  if not endings[ending:lower()] and not domain:find("^%d+%.%d+%.") and text:sub(first - 2, first - 1) ~= "//" and
    not text:find("^:[%a~/]", last + 1) then return first, last end
end

-- Lengths by country.
local countries = {}
for country, length in ([[
  AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27
  GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22
  MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28
  TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 ]]):gmatch("(%u%u)(%d%d)") do countries[country] = tonumber(length) end
local function checkIban(text, first, last)
  local length = countries[text:sub(first, first + 1):upper()]
  local to, number = first - 1, ""
  while length and #number < length and to < last do
    to = to + 1
    number = number .. text:sub(to, to):upper():gsub("%W", "")
  end
  if #number ~= length or text:find("^%w", to + 1) then return end
  local rest = 0
  for letter in (number:sub(5) .. number:sub(1, 4)):gmatch(".") do
    local value = tonumber(letter, 36)
    rest = (rest * (value > 9 and 100 or 10) + value) % 97
  end
  if rest == 1 then return first, to end
end

local rules = {
  ["pem-private-key"] = {
    regex = [[-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----(?:[\s\\"',+]|\\[nrt])*]] ..
      [[(?:[A-Z][A-Za-z-]{2,24}: [^\n\\]{0,200}(?:[\s\\"',+]|\\[nrt])+){0,8}[A-Za-z0-9+/=]{24,}]] ..
      [[(?:[A-Za-z0-9+/=\s\\"',]*-----END [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----|(?:(?:[\s\\"',+]|\\[nrt])+[A-Za-z0-9+/=]{24,})*)]],
  },
  ["jwt"] = {
    regex = [[(?<![A-Za-z0-9_-])(?:eyJ|eyA|ew0|ewo|ewk)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*)?]],
    check = checkJwt,
  },
  ["bearer-token"] = {
    regex = [[(?i)(?:(?<![A-Za-z0-9])bearer[ \t]+[A-Za-z0-9._~+/-]{16,}=*|]] ..
      [[(?<![A-Za-z0-9])authorization[\\"']*\s*[:=]\s*[\\"']*bearer[ \t]+[A-Za-z0-9._~+/-]+=*|]] ..
      [[(?<![A-Za-z0-9])access_token[\\"']*\s*[:=]\s*[\\"']*[A-Za-z0-9._~+/-]{8,}=*)]],
    check = checkBearer,
  },
  ["aws-access-key-id"] = { regex = [[(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])]] },
  ["aws-secret-access-key"] = {
    regex = [[(?<![A-Za-z0-9+/._-])(?:[A-Za-z0-9+]|\\?/){40}(?![A-Za-z0-9+/=_-])]],
    check = checkSecretKey,
  },
  ["card-number"] = { regex = [[(?<![A-Za-z0-9])[2-6]\d(?:[ -]?\d){10,17}(?![A-Za-z0-9])]], check = checkCard },
  ["iban"] = { regex = [[(?i)(?<![A-Z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,29}(?![A-Z0-9])]], check = checkIban },
  ["email"] = {
    regex = [[(?<![A-Za-z0-9._%+\x80-\xff-])(?:[ODLodl]')?[A-Za-z0-9._%+\x80-\xff-]+(?:@|%40|\\u0040)]] ..
      [[(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]*[A-Za-z0-9\x80-\xff])?\.)+(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9-]{2,58})(?![A-Za-z0-9_])]],
    check = checkEmail,
  },
}
