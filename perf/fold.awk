# Folds `perf script -F comm,pid,tid,cpu,period,ip,sym,dso` into one line a stack:
#   thread;outermost;...;innermost<TAB>weight
# Variables: pid (only this process; empty: all). Kernel frames end in _[k].
/ +[0-9]+\/[0-9]+ +\[[0-9]+\] +[0-9]+:? *$/ {
    emit()
    at = match($0, / +-?[0-9]+\/[0-9]+ +\[[0-9]+\] +[0-9]+/)
    thread = substr($0, 1, at - 1)
    sub(/^ +/, "", thread)
    split(substr($0, at, RLENGTH), fields, " ")
    split(fields[1], ids, "/")
    weight = fields[3] + 0
    wanted = pid == "" || ids[1] == pid
    root = thread "-" ids[2]
    stack = ""
    sampled = 1
    next
}
/^[ \t]+[0-9a-f]+ / {
    frame = $0
    sub(/^[ \t]+[0-9a-f]+ /, "", frame)
    kernel = frame ~ /\(\[[^\]]*\](\.[a-z]+)?\)$/ && frame !~ /\(\[(unknown|vdso)\]\)$/
    sub(/ \([^()]*\)$/, "", frame)
    gsub(/;/, ",", frame)
    sub(/::h[0-9a-f]+$/, "", frame)
    if (kernel) frame = frame "_[k]"
    stack = frame (stack == "" ? "" : ";" stack)
}
END { emit() }

function emit() {
    if (sampled && wanted) sum[root (stack == "" ? "" : ";" stack)] += weight
    sampled = 0
}

END { for (line in sum) printf "%s\t%.0f\n", line, sum[line] }
