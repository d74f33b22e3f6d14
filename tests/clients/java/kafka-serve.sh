#!/usr/bin/env bash
# Apache Kafka behind klamm's command line, so that klamm's tests can be run against it:
#   KLAMM_TEST_BINARY=$PWD/tests/clients/java/kafka-serve.sh cargo test --test kill_nine
# kafka-serve.sh serve --data-dir DIR --listen HOST:PORT [anything else is ignored]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data='' listen=''
while [ $# -gt 0 ]; do
    case $1 in
        --data-dir) data=$2; shift ;;
        --listen) listen=$2; shift ;;
    esac
    shift
done
libs=$("$here/fetch-kafka.sh" | tail -1)
controller=$((${listen##*:} % 30000 + 30001))
mkdir -p "$data/log"
cat >"$data/server.properties" <<SETTINGS
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://$listen,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://$listen
controller.listener.names=CONTROLLER
log.dirs=$data/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
SETTINGS
if [ ! -f "$data/log/meta.properties" ]; then
    java -Xmx128m -cp "$libs/*" kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qk -c "$data/server.properties" >/dev/null
fi
exec java -Xmx"${KAFKA_HEAP:-512m}" -Xms"${KAFKA_HEAP:-512m}" -server -XX:+UseG1GC -Dlog4j2.level=WARN -cp "$libs/*" \
    kafka.Kafka "$data/server.properties"
