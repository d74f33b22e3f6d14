# Sourced by the shell checks: counts checks and prints the closing line. Set CLIENT first.
passed=0
failed=0

# check NAME COMMAND...: passes when the command does. Its output is shown when it fails.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok   $CLIENT: $name"
    else
        failed=$((failed + 1))
        echo "FAIL $CLIENT: $name: $(echo "$output" | tail -5 | tr '\n' '|' | cut -c1-600)"
    fi
}

# equal NAME GOT WANTED
equal() {
    if [ "$2" == "$3" ]; then
        passed=$((passed + 1))
        echo "ok   $CLIENT: $1"
    else
        failed=$((failed + 1))
        echo "FAIL $CLIENT: $1: got '${2:0:300}', wanted '${3:0:300}'"
    fi
}

# holds NAME TEXT PATTERN: the text matches the extended regular expression.
holds() {
    if grep -qE -- "$3" <<<"$2"; then
        passed=$((passed + 1))
        echo "ok   $CLIENT: $1"
    else
        failed=$((failed + 1))
        echo "FAIL $CLIENT: $1: no '$3' in '$(tr '\n' '|' <<<"$2" | cut -c1-600)'"
    fi
}

close() {
    echo "$CLIENT: $passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
