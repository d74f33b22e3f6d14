#!/usr/bin/env bash
# kcat against a broker: check.sh BOOTSTRAP [KCAT]
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../counting.sh"
CLIENT=kcat
bootstrap=$1
kcat=${2:-kcat}
topic=check-kcat-$RANDOM$RANDOM
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

kcat() { timeout 60 "$kcat" -b "$bootstrap" "$@"; }

lines() { # COUNT SEED: printable lines, some long, none empty
    awk -v count="$1" -v seed="$2" 'BEGIN { srand(seed); for (i = 0; i < count; i++) {
        line = i ":"; words = int(rand() * (i % 97 == 0 ? 4000 : 20));
        for (w = 0; w < words; w++) line = line " " int(rand() * 1e6); print line } }'
}

check_codec() {
    local codec=$1 acks=$2 seed=$RANDOM
    local mine=$topic-$codec-${acks/-/m}
    lines 3000 $seed >"$scratch/sent"
    check "-P -z $codec acks=$acks (topic made by asking)" kcat -P -t "$mine" -p 0 -z "$codec" -X acks="$acks" -X topic.metadata.refresh.interval.ms=500 -l "$scratch/sent"
    timeout 60 "$kcat" -b "$bootstrap" -C -t "$mine" -p 0 -o beginning -c 3000 -q >"$scratch/read" 2>"$scratch/errors"
    check "-C $codec acks=$acks: the same bytes" cmp "$scratch/sent" "$scratch/read"
}

check_format() {
    local sent='k1:one\nk2:\nk3:three' answer
    printf "$sent" | kcat -P -t "$topic" -p 0 -K: -Z -H 'name=value' -H 'second=2'
    answer=$(kcat -C -t "$topic" -p 0 -o beginning -e -q -f '%o %k %S %h %s|')
    equal "-K -Z -H: keys, a null value, headers" "$answer" \
        "0 k1 3 name=value,second=2 one|1 k2 -1 name=value,second=2 |2 k3 5 name=value,second=2 three|"
    answer=$(kcat -C -t "$topic" -p 0 -o -1 -e -q -f '%o')
    equal "-o -1: the last one" "$answer" 2
    local time
    time=$(kcat -C -t "$topic" -p 0 -o beginning -e -q -f '%T\n' | head -1)
    answer=$(kcat -C -t "$topic" -p 0 -o "s@$time" -c 1 -q -f '%o')
    equal "-o s@TIME" "$answer" 0
    answer=$(kcat -Q -t "$topic:0:-1")
    holds "-Q: end offset" "$answer" 'offset 3'
}

holds "-L" "$(kcat -L)" '1 brokers:'
check_format
holds "-L -t" "$(kcat -L -t "$topic")" "topic \"$topic\" with [0-9]+ partitions"
holds "-L -J" "$(kcat -L -J)" "\"topic\":\"$topic\""
for codec in none gzip snappy lz4 zstd; do
    check_codec $codec -1
done
check_codec lz4 1
check_codec none 0
close
