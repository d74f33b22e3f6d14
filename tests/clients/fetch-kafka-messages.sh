#!/bin/sh
# Fetches the message definitions that Kafka's own jars carry and prints the folder they lie in,
# for tests/codec_contract.rs:
#
#   KLAMM_KAFKA_MESSAGES=$(tests/clients/fetch-kafka-messages.sh) cargo test --test codec_contract
#
# Needs mvn and unzip, or java's jar. KAFKA_VERSION and the folder may be given.
set -eu

version=${KAFKA_VERSION:-4.4.0}
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/klamm/kafka-messages-$version}

unpack() {
    if command -v unzip >/dev/null; then
        unzip -qo "$1" "$2/*.json" -d "$folder"
    else
        jar_file=$(realpath "$1")
        (cd "$folder" && jar xf "$jar_file" "$2")
    fi
}

fetch() {
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact="org.apache.kafka:$1:$version" -DoutputDirectory="$folder/jars" >&2
    unpack "$folder/jars/$1-$version.jar" "$2"
}

mkdir -p "$folder"
if [ ! -e "$folder/complete" ]; then
    fetch kafka-clients common/message
    fetch kafka-metadata common/metadata
    touch "$folder/complete"
fi
echo "$folder"
