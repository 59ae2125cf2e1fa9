{{/*
The last input of a Fluent Bit that reads rotated files, as JSON. At its exit, Fluent Bit 5.1.1 deletes the positions of the files
that it saw rotate (flb_tail_file_remove in plugins/in_tail/tail_file.c), and the next one would deliver those files again. Inputs
exit after the outputs, the last one first (flb_engine_shutdown, flb_input_exit_all): when this one closes its Lua state, records
are delivered and positions complete, and it ends the process. Its only record, which it drops, shows that the agent has started.
*/}}
{{- define "shared.positionsInput" -}}
{{- $code := list
  "function keep()"
  "  kept = newproxy(true)"
  "  getmetatable(kept).__gc = function() os.exit(0) end"
  "  return -1, 0, 0"
  "end"
  | join "\n" -}}
{{- $processor := dict "name" "lua" "call" "keep" "code" $code -}}
{{- dict "name" "dummy" "alias" "_positions" "tag" "_positions" "samples" 1 "processors" (dict "logs" (list $processor)) | toJson -}}
{{- end -}}
