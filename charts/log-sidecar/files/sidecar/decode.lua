local characters, code = {}, 128
for character in ("{characters}"):gmatch("[\1-\127\194-\244][\128-\191]*") do
  local pair = code - 256
  local first, second = math.floor(pair / 188), pair % 188
  local bytes = pair < 0 and string.char(code)
    or string.char(first + (first < 31 and 0x81 or 0xc1), second + (second < 63 and 0x40 or 0x41))
  characters[bytes] = character
  code = code + 1
end
local unknown = "\239\191\189"
-- A byte, or two bytes that are one character; a first byte with a wrong second one is unknown.
local function character(bytes)
  if characters[bytes] then return characters[bytes] end
  if #bytes == 2 then return unknown .. (characters[bytes:sub(2)] or bytes:sub(2)) end
end
function decode(tag, timestamp, record)
  if type(record["log"]) ~= "string" or not record["log"]:find("[\128-\255]") then return 0, timestamp, record end
  record["log"] = record["log"]:gsub(code > 256 and "[\129-\159\224-\252]?." or "[\128-\255]", character)
  return 2, timestamp, record
end
