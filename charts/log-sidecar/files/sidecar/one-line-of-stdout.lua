function one_line(tag, timestamp, record)
  if ({{tags}})[tag] and type(record["log"]) == "string" then
    record["log"] = record["log"]:gsub("\r?\n", {separator})
    return 2, timestamp, record
  end
  return 0, timestamp, record
end
