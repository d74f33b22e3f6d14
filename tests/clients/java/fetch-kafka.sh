#!/usr/bin/env bash
# Copies the jars of Apache Kafka 4.3.1 (broker, tools, clients) from Maven Central into one folder.
#   fetch-kafka.sh [FOLDER]      FOLDER defaults to target/clients/kafka/libs of this repository (KLAMM_CLIENTS_CACHE moves target/clients).
# Does nothing when the folder already holds this pom's jars. Prints the folder as its last line.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
folder=${1:-${KLAMM_CLIENTS_CACHE:-$root/target/clients}/kafka/libs}

if [ -f "$folder/.fetched" ] && cmp -s "$here/pom.xml" "$folder/.fetched"; then
    echo "$folder"
    exit 0
fi
command -v mvn >/dev/null || { echo "fetch-kafka: Maven (mvn) is missing" >&2; exit 1; }
mkdir -p "$folder"
for attempt in 1 2 3; do
    if mvn --batch-mode --quiet --file "$here/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$folder" </dev/null >&2; then
        cp "$here/pom.xml" "$folder/.fetched"
        echo "$folder"
        exit 0
    fi
    echo "fetch-kafka: attempt $attempt failed" >&2
    sleep $((attempt * 5))
done
exit 1
