function one_line(tag, timestamp, record)
  if type(record["log"]) == "string" then
    local line = record["log"]:gsub("[\r\n]+$", "")
    record["log"] = {line}
  end
  return 2, timestamp, record
end
