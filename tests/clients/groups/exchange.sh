#!/usr/bin/env bash
# Two brokers read each other's groups: WRITER writes them and is stopped; READER starts on a copy of its
# __consumer_offsets, must tell the same groups and offsets, and writes more; then WRITER starts on a copy of that.
# Kafka's dump-log reads every record on the way.
#   exchange.sh LIBS CLASSES WRITER READER
# LIBS: Kafka's jars; CLASSES: the folder of the compiled GroupExchange; WRITER and READER: a klamm binary, or `kafka`.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../counting.sh"
CLIENT="groups-exchange"
libs=$1 classes=$2 writer=$3 reader=$4
scratch=$(mktemp -d -t klamm-exchange-XXXXXX)
server=''
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null' EXIT
echo "groups-exchange: $writer to $reader, everything in $scratch"

exchange() { java -Xmx128m -XX:TieredStopAtLevel=1 -Dlog4j2.level=ERROR -cp "$libs/*:$classes" GroupExchange "$@"; }

# ---- brokers

# start NAME PROGRAM: the broker NAME on the data of its name, `address` says where it listens
start() {
    local name=$1 program=$2
    [ "$program" != kafka ] || program=$here/../java/kafka-serve.sh
    address=127.0.0.1:$(free_port)
    "$program" serve --data-dir "$scratch/$name" --listen "$address" >>"$scratch/$name.log" 2>&1 </dev/null &
    server=$!
    for _ in $(seq 1 300); do
        (exec 3<>"/dev/tcp/127.0.0.1/${address##*:}") 2>/dev/null && return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    equal "$name starts" "$(tail -3 "$scratch/$name.log")" "a port that answers"
    close
    exit 1
}

# stop NAME: cleanly
stop() {
    local status=0
    kill -TERM "$server"
    wait "$server" || status=$?
    server=''
    holds "$1 stops cleanly" "$status" '^(0|143)$'
}

free_port() {
    local port
    while port=$((10000 + RANDOM % 20000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

# ---- logs

offsets_partitions() { find "$scratch/$1" -type d -name '__consumer_offsets-*' -not -name '*-delete' | sort; }

# carry FROM TO: every partition's segments, indexes, snapshots and leader epochs; each keeps its own topic id
carry() {
    local from to count=0
    while read -r from; do
        to=$(find "$scratch/$2" -type d -name "$(basename "$from")")
        [ -n "$to" ] || continue
        find "$to" -maxdepth 1 -type f -not -name partition.metadata -delete
        find "$from" -maxdepth 1 -type f -not -name partition.metadata -exec cp -p {} "$to/" \;
        count=$((count + 1))
    done < <(offsets_partitions "$1")
    equal "every partition of __consumer_offsets goes from $1 to $2" "$count" "$(offsets_partitions "$2" | wc -l)"
}

# dump NAME: Kafka's dump-log decodes every record
dump() {
    local files output records decoded
    files=$(offsets_partitions "$1" | while read -r partition; do find "$partition" -name '*.log' -size +0; done | paste -sd,)
    output=$(java -Xmx192m -XX:TieredStopAtLevel=1 -Dlog4j2.level=ERROR -cp "$libs/*" org.apache.kafka.tools.DumpLogSegments \
        --files "$files" --offsets-decoder --deep-iteration 2>&1)
    records=$(grep -cE '^\| offset: ' <<<"$output")
    decoded=$(grep -cE '^\| offset: .* key: \{"type":"[0-9]+".*payload: ' <<<"$output")
    holds "dump-log of $1: records" "$records" '^[1-9]'
    equal "dump-log of $1: decoded" "$decoded" "$records"
    equal "dump-log of $1: nothing wrong" "$(grep -iE 'error|exception|corrupt|isvalid: false|unknown|could not|<EMPTY>.*key' <<<"$output" |
        grep -v '"type"' | head -3)" ""
    printf '%s\n' "$output" >"$scratch/$1.dump"
}

# tells NAME WANTED: what the running broker tells is what is in the file WANTED
tells() {
    exchange tell "$address" >"$scratch/$1.told" 2>&1
    equal "$1 tells the same groups, members and offsets" "$(diff "$scratch/$2" "$scratch/$1.told" | head -6)" ""
}

# ---- there and back

start writer "$writer"
check "the topic and the offsets topic on the writer" exchange prepare "$address"
check "groups and offsets written" exchange make "$address" first
exchange tell "$address" >"$scratch/first.told" 2>&1
holds "groups told by the writer" "$(grep -c . "$scratch/first.told")" '^[1-9][0-9]+$'
stop writer
dump writer

start reader "$reader"
check "the topic and the offsets topic on the reader" exchange prepare "$address"
stop reader
carry writer reader
start reader "$reader"
tells reader first.told
check "more groups and offsets written on the reader" exchange make "$address" second
exchange tell "$address" >"$scratch/second.told" 2>&1
stop reader
dump reader

carry reader writer
start writer "$writer"
tells writer second.told
stop writer
[ "$failed" -gt 0 ] || rm -rf "$scratch"
close
