local characters, code = {}, 128
for character in ("{characters}"):gmatch("[\1-\127\194-\244][\128-\191]*") do
  characters[string.char(code)] = character
  code = code + 1
end
function decode(tag, timestamp, record)
  if type(record["log"]) ~= "string" or not record["log"]:find("[\128-\255]") then return 0, timestamp, record end
  record["log"] = record["log"]:gsub("[\128-\255]", characters)
  return 2, timestamp, record
end
