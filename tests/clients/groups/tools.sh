#!/usr/bin/env bash
# kafka-consumer-groups and kafka-groups against a broker: every action, its output held against what must come.
#   tools.sh LIBS CLASSES BOOTSTRAP      Kafka's jars, the folder of the compiled ToolServer
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../counting.sh"
CLIENT="groups-tools"
libs=$1 classes=$2 bootstrap=$3
scratch=$(mktemp -d)
consumer=''
trap 'kill -9 $consumer 2>/dev/null; rm -rf "$scratch"' EXIT
token=$RANDOM$RANDOM
topic=groups-tools-$token classic=tools-classic-$token modern=tools-modern-$token
minute=60000
first_ms=$(($(date +%s) * 1000 - 100 * minute))

java=(java -Xmx192m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlog4j2.level=ERROR -cp "$libs/*:$classes")

# ---- running tools: all but those in the background share one process

coproc SERVER { exec "${java[@]}" ToolServer; }
# bash closes the pair in subshells, and every $(…) is one
exec 7>&"${SERVER[1]}" 8<&"${SERVER[0]}"

# run CLASS ARGUMENT...: prints what the tool prints, returns its status. Reads all of it before it prints: who reads
# this may stop at the first match, and what is left unread would be taken for the next tool's.
run() {
    local line told='' status=99
    (IFS=$'\t'; printf '%s\n' "$*") >&7
    while IFS= read -r -t 90 line <&8; do
        [[ $line == "=> "* ]] && { status=${line#=> }; break; }
        [ -z "$line" ] || told+=$line$'\n'
    done
    [ "$status" -ne 99 ] || told+="no end of the tool's answer within 90 s"
    printf '%s' "$told"
    return "$status"
}

groups_of() { run org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$bootstrap" "$@"; }
all_kinds() { run org.apache.kafka.tools.GroupsCommand --bootstrap-server "$bootstrap" "$@"; }
topics() { run org.apache.kafka.tools.TopicCommand --bootstrap-server "$bootstrap" "$@"; }
console_consumer=("${java[@]}" org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$bootstrap")

# lacks NAME TEXT PATTERN: the text does not match
lacks() { equal "$1" "$(grep -E -- "$3" <<<"$2")" ""; }

# offsets_of GROUP: `partition:offset` of what is committed, as --describe tells it
offsets_of() {
    groups_of --describe --group "$1" --offsets | awk -v topic="$topic" '$2 == topic { print $3 ":" $4 }' | sort | tr '\n' ' '
}

# planned TEXT: `partition:offset` of what a reset tells
planned() { awk -v topic="$topic" '$2 == topic { print $3 ":" $4 }' <<<"$1" | sort | tr '\n' ' '; }

# ---- a group that is empty

prepare() {
    local partition
    check "kafka-topics --create" topics --create --topic "$topic" --partitions 3
    for partition in 0 1 2; do
        check "records ten minutes apart in partition $partition" \
            run produce "$bootstrap" "$topic" "$partition" 10 "$first_ms" $((10 * minute))
    done
    holds "kafka-console-consumer --group" \
        "$("${console_consumer[@]}" --topic "$topic" --group "$classic" --from-beginning --max-messages 30 --timeout-ms 30000 2>&1 </dev/null)" \
        'Processed a total of 30 messages'
}

check_list() {
    holds "--list" "$(groups_of --list)" "^$classic\$"
    holds "--list --state" "$(groups_of --list --state)" "^$classic +Empty"
    holds "--list --state empty" "$(groups_of --list --state empty)" "^$classic +Empty"
    lacks "--list --state stable" "$(groups_of --list --state stable)" "^$classic "
    holds "--list --type" "$(groups_of --list --type)" "^$classic +Classic"
    lacks "--list --type consumer" "$(groups_of --list --type consumer)" "^$classic "
    holds "--list --state --type" "$(groups_of --list --state --type)" "^$classic +Classic +Empty"
    holds "--list --state of a word that is none" "$(groups_of --list --state nonsense)" 'Invalid state list'
    holds "kafka-groups --list" "$(all_kinds --list)" "^$classic +Classic +consumer"
    holds "kafka-groups --list --consumer" "$(all_kinds --list --consumer)" "^$classic +Classic +consumer"
    holds "kafka-groups --list --group-type classic" "$(all_kinds --list --group-type classic)" "^$classic "
    lacks "kafka-groups --list --group-type consumer" "$(all_kinds --list --group-type consumer)" "^$classic "
    holds "kafka-groups --list --protocol consumer" "$(all_kinds --list --protocol consumer)" "^$classic "
    lacks "kafka-groups --list --protocol connect" "$(all_kinds --list --protocol connect)" "^$classic "
    lacks "kafka-groups --list --share" "$(all_kinds --list --share)" "^$classic "
}

check_describe_empty() {
    local told
    told=$(groups_of --describe --group "$classic")
    holds "--describe of an empty group" "$told" "Consumer group '$classic' has no active members"
    equal "--describe: committed" "$(planned "$told")" "0:10 1:10 2:10 "
    holds "--describe: end and lag" "$told" "^$classic +$topic +1 +10 +10 +0 +- +- +-"
    holds "--describe --verbose" "$(groups_of --describe --group "$classic" --verbose)" 'LEADER-EPOCH'
    holds "--describe --state" "$(groups_of --describe --group "$classic" --state)" "^$classic +[^ ]+ +\([0-9]+\) +.*Empty +0"
    holds "--describe --members" "$(groups_of --describe --group "$classic" --members)" 'has no active members'
    # Not with offsets: it hangs on any group that has offsets of a deleted topic, Kafka's too.
    holds "--describe --all-groups --state" "$(groups_of --describe --all-groups --state)" "^$classic .*Empty"
    holds "--describe of a group that is not there" "$(groups_of --describe --group "missing-$token")" \
        "Group missing-$token not found|'missing-$token' does not exist"
}

# reset NAME WANTED ARGUMENT...: --execute, what it tells and what is committed then
reset() {
    local name=$1 wanted=$2 told
    shift 2
    told=$(groups_of --reset-offsets --group "$classic" "$@" --execute)
    equal "--reset-offsets $name: told" "$(planned "$told")" "$wanted"
    equal "--reset-offsets $name: committed" "$(offsets_of "$classic")" "$wanted"
}

check_reset() {
    local told stamp
    told=$(groups_of --reset-offsets --group "$classic" --topic "$topic" --to-earliest --dry-run)
    equal "--reset-offsets --to-earliest --dry-run: told" "$(planned "$told")" "0:0 1:0 2:0 "
    equal "--reset-offsets --to-earliest --dry-run: committed" "$(offsets_of "$classic")" "0:10 1:10 2:10 "
    reset "--to-earliest" "0:0 1:0 2:0 " --topic "$topic" --to-earliest
    reset "--to-latest" "0:10 1:10 2:10 " --all-topics --to-latest
    reset "--to-offset" "0:4 1:4 2:4 " --topic "$topic" --to-offset 4
    reset "--to-offset past the end" "0:10 1:10 2:10 " --topic "$topic" --to-offset 99
    stamp=$(date -u -d "@$((first_ms / 1000 + 50 * 60))" +%Y-%m-%dT%H:%M:%S.000)
    reset "--to-datetime of a record" "0:5 1:5 2:5 " --topic "$topic" --to-datetime "${stamp}Z"
    reset "--by-duration" "0:6 1:6 2:6 " --topic "$topic" --by-duration PT45M
    reset "--shift-by forward" "0:8 1:8 2:8 " --topic "$topic" --shift-by 2
    reset "--shift-by back" "0:5 1:5 2:5 " --topic "$topic" --shift-by -3
    reset "--shift-by past the begin" "0:0 1:0 2:0 " --topic "$topic" --shift-by -50
    told=$(groups_of --reset-offsets --group "$classic" --topic "$topic:1" --to-offset 7 --execute)
    equal "--reset-offsets of one partition: told" "$(planned "$told")" "1:7 "
    equal "--reset-offsets of one partition: committed" "$(offsets_of "$classic")" "0:0 1:7 2:0 "
    reset "--to-current" "0:0 1:7 2:0 " --topic "$topic" --to-current
    check_reset_from_file
}

check_reset_from_file() {
    groups_of --reset-offsets --group "$classic" --topic "$topic" --to-current --export | tr -d '\r' |
        grep -E '^"?'"$topic" >"$scratch/exported.csv"
    equal "--reset-offsets --export" "$(tr -d '"' <"$scratch/exported.csv" | sort | tr '\n' ' ')" \
        "$topic,0,0 $topic,1,7 $topic,2,0 "
    printf '%s\n' "$topic,0,1" "$topic,1,2" "$topic,2,3" >"$scratch/wanted.csv"
    reset "--from-file" "0:1 1:2 2:3 " --from-file "$scratch/wanted.csv"
    reset "--from-file of what was exported" "0:0 1:7 2:0 " --from-file "$scratch/exported.csv"
}

# ---- groups with a member

# with_member GROUP PROTOCOL RECORDS CHECKS: a console consumer is in the group and has read RECORDS while CHECKS run
with_member() {
    local group=$1 protocol=$2 records=$3 waited
    "${console_consumer[@]}" --topic "$topic" --group "$group" --from-beginning --command-property "group.protocol=$protocol" \
        >"$scratch/$group.log" 2>&1 </dev/null &
    consumer=$!
    for waited in $(seq 1 100); do
        [ "$(grep -c '^record' "$scratch/$group.log")" -ge "$records" ] && break
        sleep 0.3
    done
    equal "$protocol: records that the member read" "$(grep -c '^record' "$scratch/$group.log")" "$records"
    "$4" "$group"
    kill -TERM "$consumer"
    wait "$consumer"
    consumer=''
    for waited in $(seq 1 60); do
        groups_of --list --state empty | grep -q "^$group " && break
        sleep 0.3
    done
    holds "$protocol: empty when the member has left" "$(groups_of --list --state empty)" "^$group "
    equal "$protocol: the member committed when it left" "$(offsets_of "$group")" "0:10 1:10 2:10 "
}

check_active_classic() {
    local told
    holds "classic: --describe --state" "$(groups_of --describe --group "$1" --state)" "^$1 +[^ ]+ +\([0-9]+\) +range +Stable +1"
    told=$(groups_of --describe --group "$1" --members --verbose)
    holds "classic: --describe --members --verbose" "$told" "^$1 +console-consumer-[^ ]+ +/[^ ]+ +console-consumer +3 .*$topic:0,1,2"
    holds "classic: --describe names the member" "$(groups_of --describe --group "$1")" "^$1 +$topic +0 .*console-consumer-[^ ]+ +/"
    check_active "$1" classic
}

check_active_modern() {
    local told
    holds "consumer: kafka-groups --list" "$(all_kinds --list)" "^$1 +Consumer +consumer"
    holds "consumer: --list --type consumer" "$(groups_of --list --type consumer)" "^$1 +Consumer"
    told=$(groups_of --describe --group "$1" --state --verbose)
    holds "consumer: --describe --state --verbose" "$told" "^$1 +[^ ]+ +\([0-9]+\) +uniform +Stable +[1-9][0-9]* +[1-9][0-9]* +1"
    told=$(groups_of --describe --group "$1" --members --verbose)
    holds "consumer: --describe --members --verbose" "$told" "^$1 +[^ ]{22} +/[^ ]+ +[^ ]+ +3 +[1-9][0-9]* +$topic:0,1,2 +[1-9][0-9]* +$topic:0,1,2"
    check_active "$1" consumer
}

check_active() {
    holds "$2: --reset-offsets is refused" "$(groups_of --reset-offsets --group "$1" --topic "$topic" --to-earliest --execute)" \
        "can only be reset if the group '$1' is inactive"
    holds "$2: --delete is refused" "$(groups_of --delete --group "$1")" 'GroupNotEmpty'
    holds "$2: --delete-offsets is refused" "$(groups_of --delete-offsets --group "$1" --topic "$topic")" 'subscribed'
}

# ---- the end of groups

check_delete() {
    local told
    told=$(groups_of --delete-offsets --group "$modern" --topic "$topic:0")
    holds "--delete-offsets of a partition" "$told" "^$topic +0 +Successful"
    equal "--delete-offsets: what is left" "$(offsets_of "$modern")" "1:10 2:10 "
    holds "--delete-offsets of a topic" "$(groups_of --delete-offsets --group "$classic" --topic "$topic")" "^$topic +2 +Successful"
    holds "--delete" "$(groups_of --delete --group "$classic" --group "$modern")" 'was successful'
    lacks "--list after --delete" "$(groups_of --list)" "^($classic|$modern)\$"
    holds "--delete of a group that is not there" "$(groups_of --delete --group "missing-$token")" 'GroupIdNotFound'
    holds "--validate-regex" "$(run org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --validate-regex 'a.*')" ' valid'
    holds "--validate-regex of a bad one" "$(run org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --validate-regex 'a(')" \
        'not valid|invalid'
    check "kafka-topics --delete" topics --delete --topic "$topic"
}

prepare
check_list
check_describe_empty
check_reset
with_member "$classic" classic 23 check_active_classic
with_member "$modern" consumer 30 check_active_modern
check_delete
exec 7>&- 8<&-
close
