#!/usr/bin/env bash
# Kafka's own command-line tools against a broker, by class name.
#   tools.sh LIBS BOOTSTRAP            kafka-topics, -configs, -producer-perf-test, -console-consumer, -get-offsets
#   tools.sh LIBS --dump-log DATA_DIR  kafka-dump-log on every segment and index of a cleanly closed broker
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../counting.sh"
CLIENT="kafka tools"
libs=$1

tool() {
    local class=$1
    shift
    [[ $class == kafka.* ]] || class=org.apache.kafka.tools.$class
    timeout 90 java -Xmx192m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlog4j2.level=ERROR \
        -cp "$libs/*" "$class" "$@" </dev/null 2>&1
}

topics() { tool TopicCommand --bootstrap-server "$bootstrap" "$@"; }
configs() { tool kafka.admin.ConfigCommand --bootstrap-server "$bootstrap" "$@"; }

check_topics() {
    check "kafka-topics --create" topics --create --topic "$topic" --partitions 3 --config retention.ms=86400000
    holds "kafka-topics --list" "$(topics --list)" "^$topic\$"
    local described
    described=$(topics --describe --topic "$topic")
    holds "kafka-topics --describe: partitions" "$described" 'PartitionCount: 3'
    holds "kafka-topics --describe: settings" "$described" 'retention.ms=86400000'
    holds "kafka-topics --describe: leader" "$described" 'Partition: 2.*Leader: [0-9]+.*Isr: [0-9]+'
    check "kafka-topics --alter" topics --alter --topic "$topic" --partitions 4
    holds "kafka-topics after --alter" "$(topics --describe --topic "$topic")" 'PartitionCount: 4'
    holds "kafka-topics --create once more" "$(topics --create --topic "$topic" --partitions 3)" 'already exists'
}

check_configs() {
    check "kafka-configs --alter --add-config" \
        configs --alter --entity-type topics --entity-name "$topic" --add-config max.message.bytes=2000000,segment.bytes=1048576
    holds "kafka-configs --describe" \
        "$(configs --describe --entity-type topics --entity-name "$topic")" 'max.message.bytes=2000000'
    check "kafka-configs --alter --delete-config" \
        configs --alter --entity-type topics --entity-name "$topic" --delete-config max.message.bytes
    local all
    all=$(configs --describe --all --entity-type topics --entity-name "$topic")
    holds "kafka-configs --describe --all" "$all" 'max.message.bytes=1048588'
    holds "kafka-configs of the broker" "$(configs --describe --all --entity-type brokers --entity-name "$node")" 'num.partitions'
}

perf() {
    tool ProducerPerformance --bootstrap-server "$bootstrap" --topic "$topic" --num-records "$1" --record-size "$2" \
        --throughput -1 --command-property "acks=$3" "compression.type=$4"
}

check_data() {
    holds "kafka-producer-perf-test" "$(perf 20000 100 all none)" '^20000 records sent'
    holds "kafka-producer-perf-test acks=1 lz4" "$(perf 20000 100 1 lz4)" '^20000 records sent'
    local ends total last
    ends=$(tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic")
    total=$(awk -F: '{ sum += $3 } END { print sum }' <<<"$ends")
    equal "kafka-get-offsets: sum of the ends" "$total" 40000
    equal "kafka-get-offsets --time earliest" \
        "$(tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic" --time earliest | sort | tr '\n' ' ')" \
        "$topic:0:0 $topic:1:0 $topic:2:0 $topic:3:0 "
    holds "kafka-get-offsets --time max-timestamp" \
        "$(tool GetOffsetShell --bootstrap-server "$bootstrap" --topic-partitions "$topic:0" --time max-timestamp)" "^$topic:0:[0-9]+\$"
    last=$(awk -F: -v topic="$topic" '$1 == topic && $2 == 1 { print $3 }' <<<"$ends")
    local read
    read=$(tool consumer.ConsoleConsumer --bootstrap-server "$bootstrap" --topic "$topic" --partition 1 --offset earliest \
        --max-messages "$last" --timeout-ms 30000)
    equal "kafka-console-consumer --partition: records" "$(grep -cE '^[A-Z]{100}$' <<<"$read")" "$last"
    holds "kafka-console-consumer says how many" "$read" "Processed a total of $last messages"
    read=$(tool consumer.ConsoleConsumer --bootstrap-server "$bootstrap" --topic "$topic" --partition 1 --offset $((last - 5)) \
        --max-messages 5 --timeout-ms 30000 --formatter-property print.offset=true --formatter-property print.timestamp=true)
    holds "kafka-console-consumer from an offset" "$read" "CreateTime:[0-9]{13}.Offset:$((last - 5))"
}

check_cluster() {
    holds "kafka-cluster cluster-id" "$(tool ClusterTool cluster-id --bootstrap-server "$bootstrap")" 'Cluster ID: .{22}'
    holds "kafka-log-dirs" "$(tool LogDirsCommand --bootstrap-server "$bootstrap" --describe --topic-list "$topic")" \
        "\"partition\":\"$topic-3\",\"size\":[1-9]"
    cat >"$scratch/delete.json" <<<"{\"version\":1,\"partitions\":[{\"topic\":\"$topic\",\"partition\":0,\"offset\":10}]}"
    holds "kafka-delete-records" \
        "$(tool DeleteRecordsCommand --bootstrap-server "$bootstrap" --offset-json-file "$scratch/delete.json")" 'low_watermark: 10'
}

# Leaves the topic there: --dump-log reads it later. KLAMM_KEEP_TOPIC=0 deletes it.
run_tools() {
    bootstrap=$1
    topic=check-tools-$RANDOM$RANDOM
    node=$(tool BrokerApiVersionsCommand --bootstrap-server "$bootstrap" | sed -nE 's/.*\(id: ([0-9]+) .*/\1/p' | head -1)
    holds "kafka-broker-api-versions" "$node" '^[0-9]+$'
    check_topics
    check_configs
    check_data
    check_cluster
    if [ "${KLAMM_KEEP_TOPIC:-1}" == 0 ]; then
        check "kafka-topics --delete" topics --delete --topic "$topic"
    fi
}

# One JVM for up to twenty files: the tool takes a list. It calls the first record of every segment that does not
# begin at 0 non-consecutive ("-1 is followed by 9599"), on Kafka's own logs too: that alone is not counted.
dump_all() {
    local directory=$1 suffix=$2 option=$3 files batch output
    # Directories of deleted topics (-delete) wait to be removed: nobody reads them any more.
    files=$(find "$directory" -name "*.$suffix" -not -path '*__cluster_metadata*' -not -path '*-delete/*' -size +0 | sort | head -60)
    [ -z "$files" ] && { equal "kafka-dump-log has .$suffix files to read" none some; return; }
    while read -r batch; do
        # shellcheck disable=SC2086
        output=$(tool DumpLogSegments --files "$batch" $option)
        equal "kafka-dump-log $option .$suffix: nothing wrong" \
            "$(grep -iE 'error|exception|mismatch|is followed by|not found|corrupt|isvalid: false|found (time|offset)|trailing' <<<"$output" |
                grep -vE '^ *-1 is followed by' | head -3)" ""
        holds "kafka-dump-log .$suffix: reads them" "$output" 'Dumping|offset'
    done < <(xargs -n 20 <<<"$files" | tr ' ' ',')
}

run_dump_log() {
    local directory=$1 log
    dump_all "$directory" log --deep-iteration
    dump_all "$directory" index --index-sanity-check
    dump_all "$directory" index --verify-index-only
    dump_all "$directory" timeindex ""
    log=$(find "$directory" -name '*.log' -path '*check-tools*' -size +0 | sort | head -1)
    holds "kafka-dump-log --print-data-log: a record" \
        "$(tool DumpLogSegments --files "$log" --print-data-log | head -50)" '\| offset: [0-9]+ .*CreateTime: [0-9]{13}.*payload: [A-Z]{100}'
    local metadata
    metadata=$(find "$directory" -name '*.log' -path '*__cluster_metadata*' -size +0 | sort | tail -1)
    holds "kafka-dump-log --cluster-metadata-decoder" \
        "$(tool DumpLogSegments --files "$metadata" --cluster-metadata-decoder)" 'TOPIC_RECORD'
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ "$2" == --dump-log ]; then
    CLIENT="kafka-dump-log"
    run_dump_log "$3"
else
    run_tools "$2"
fi
close
