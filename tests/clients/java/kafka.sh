#!/usr/bin/env bash
# A single Apache Kafka broker (KRaft, loopback) to hold klamm's answers against.
#   kafka.sh start [HOST:PORT]   waits until it answers; default 127.0.0.1:19092
#   kafka.sh stop                asks it to stop, kills it after a minute
#   kafka.sh wipe                removes its data (stop it first)
# KAFKA_HOME (default target/clients/kafka) holds libs/, data/, server.properties, the log and the pid.
# KAFKA_HEAP (default 512m). More broker settings, one `name=value` a line, in KAFKA_SETTINGS.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
home=${KAFKA_HOME:-$root/target/clients/kafka}
heap=${KAFKA_HEAP:-512m}
pid_file=$home/kafka.pid

running() { [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }

write_settings() {
    local address=$1 controller_port=$((${1##*:} + 1))
    cat >"$home/server.properties" <<SETTINGS
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://$address,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://$address
controller.listener.names=CONTROLLER
log.dirs=$home/data
num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
${KAFKA_SETTINGS:-}
SETTINGS
    cat >"$home/log4j2.yaml" <<'LOGGING'
Configuration:
  Appenders:
    Console:
      name: out
      target: SYSTEM_OUT
      PatternLayout: { pattern: "[%d] %p %m (%c)%n" }
  Loggers:
    Root: { level: WARN, AppenderRef: { ref: out } }
    Logger:
      - { name: kafka.server.KafkaRaftServer, level: INFO }
      - { name: org.apache.kafka.storage.internals.log, level: INFO }
LOGGING
}

answers() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

start() {
    local address=$1
    if running; then echo "kafka: already running, pid $(cat "$pid_file")"; return; fi
    "$here/fetch-kafka.sh" "$home/libs" >/dev/null
    mkdir -p "$home/data"
    write_settings "$address"
    if [ ! -f "$home/data/meta.properties" ]; then
        java -Xmx128m -cp "$home/libs/*" kafka.tools.StorageTool format \
            -t MkU3OEVBNTcwNTJENDM2Qk -c "$home/server.properties" >"$home/format.log" 2>&1
    fi
    nohup java -Xmx"$heap" -Xms"$heap" -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
        -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent \
        -Dlog4j2.configurationFile="$home/log4j2.yaml" -cp "$home/libs/*" \
        kafka.Kafka "$home/server.properties" >"$home/kafka.log" 2>&1 </dev/null &
    echo $! >"$pid_file"
    for _ in $(seq 1 600); do
        if grep -q "Kafka Server started" "$home/kafka.log" && answers "$address"; then
            echo "kafka: listening on $address, pid $(cat "$pid_file")"
            return
        fi
        running || break
        sleep 0.2
    done
    echo "kafka: did not start" >&2
    tail -20 "$home/kafka.log" >&2
    exit 1
}

stop() {
    running || { rm -f "$pid_file"; echo "kafka: not running"; return; }
    local pid; pid=$(cat "$pid_file")
    kill "$pid"
    for _ in $(seq 1 300); do
        kill -0 "$pid" 2>/dev/null || { rm -f "$pid_file"; echo "kafka: stopped"; return; }
        sleep 0.2
    done
    kill -9 "$pid"
    rm -f "$pid_file"
    echo "kafka: killed"
}

case ${1:-} in
    start) start "${2:-127.0.0.1:19092}" ;;
    stop) stop ;;
    wipe) running && { echo "kafka: stop it first" >&2; exit 1; }; rm -rf "$home/data" ;;
    *) sed -n '2,8p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
