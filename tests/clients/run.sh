#!/usr/bin/env bash
# Every client check against one broker, with timings:
#   tests/clients/run.sh [--short] [--groups] [--only NAME,NAME] BOOTSTRAP
#   tests/clients/run.sh --dump-log DATA_DIR       Kafka's kafka-dump-log on a closed log
# NAME: kcat java tools confluent kafka-python aiokafka franz sarama kafkajs, and with --groups (or KLAMM_GROUPS=1)
# also groups groups-admin groups-tools
# What is missing is installed: Debian packages as root by apt-get; jars, a Python environment, Go programs and
# Node packages under target/clients (KLAMM_CLIENTS_CACHE), where a second run finds them and asks no registry.
# A tool that cannot be had is a failure, not a skip. Ends non-zero if any check failed.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${KLAMM_CLIENTS_CACHE:-$root/target/clients}
only=kcat,java,tools,confluent,kafka-python,aiokafka,franz,sarama,kafkajs
group_checks=groups,groups-admin,groups-tools
bootstrap='' dump='' chosen=''
limit=900

usage() { sed -n '2,8p' "${BASH_SOURCE[0]}" >&2; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --short) export KLAMM_SHORT=1 limit=300 ;;
        --groups) KLAMM_GROUPS=1 ;;
        --only) only=$2 chosen=1; shift ;;
        --dump-log) dump=$2 only=dump-log chosen=1; shift ;;
        -*) usage ;;
        *) bootstrap=$1 ;;
    esac
    shift
done
[ -n "$bootstrap$dump" ] || usage
[ -n "$chosen" ] || [ "${KLAMM_GROUPS:-0}" == 0 ] || only=$only,$group_checks
mkdir -p "$cache"
export PYTHONDONTWRITEBYTECODE=1

# ---- what the checks need

# retry COMMAND...: registries have bad moments
retry() {
    local attempt
    for attempt in 1 2 3; do
        "$@" </dev/null && return 0
        sleep $((attempt * 3))
    done
    return 1
}

# debian COMMAND PACKAGE: makes sure that the command is there
debian() {
    command -v "$1" >/dev/null && return 0
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || { echo "needs $1 (Debian package $2)" >&2; return 1; }
    [ -n "${apt_updated:-}" ] || { retry apt-get update -qq && apt_updated=1; }
    DEBIAN_FRONTEND=noninteractive retry apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

need_kcat() { debian kcat kcat; }

need_jars() {
    debian javac openjdk-17-jdk-headless && debian mvn maven || return 1
    libs=$("$here/java/fetch-kafka.sh" | tail -1)
}

need_java() {
    need_jars || return 1
    local classes=$cache/java sources
    sources=("$here"/java/*.java "$here"/groups/*/*.java)
    [ -z "$(find "${sources[@]}" -newer "$classes/.compiled" 2>&1)" ] && return 0
    mkdir -p "$classes"
    javac -encoding UTF-8 -nowarn -cp "$libs/*" -d "$classes" "${sources[@]}" && touch "$classes/.compiled"
}

need_python() {
    local environment=$cache/python wanted=$here/python/requirements.txt
    cmp -s "$wanted" "$environment/.installed" && return 0
    debian python3 python3 || return 1
    python3 -c 'import venv, ensurepip' 2>/dev/null || debian no-such-command python3-venv || return 1
    python3 -m venv "$environment" &&
        retry "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" &&
        cp "$wanted" "$environment/.installed"
}

need_go() {
    debian go golang-go || return 1
    mkdir -p "$cache/bin"
    (cd "$here/go" && retry go build -o "$cache/bin/" ./...)
}

need_node() {
    debian node nodejs && debian npm npm || return 1
    mkdir -p "$cache/node"
    cp "$here/node/check.mjs" "$here/groups/node/member.mjs" "$cache/node/"
    cmp -s "$here/node/package-lock.json" "$cache/node/.installed" && return 0
    cp "$here"/node/package*.json "$cache/node/"
    (cd "$cache/node" && retry npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null) &&
        cp "$here/node/package-lock.json" "$cache/node/.installed"
}

# ---- the checks

python() { "$cache/python/bin/python" "$here/python/$1" "$bootstrap" "${@:2}"; }

check_kcat() { need_kcat && exec "$here/kcat/check.sh" "$bootstrap"; }
check_java() { need_java && exec java -Xmx256m -cp "$libs/*:$cache/java" KlammCheck "$bootstrap"; }
check_tools() { need_jars && exec "$here/java/tools.sh" "$libs" "$bootstrap"; }
check_dump-log() { need_jars && exec "$here/java/tools.sh" "$libs" --dump-log "$dump"; }
check_confluent() { need_python && python check_confluent.py; }
check_kafka-python() { need_python && python check_kafka_python.py; }
check_aiokafka() { need_python && python check_aiokafka.py; }
check_franz() { need_go && exec "$cache/bin/franz" "$bootstrap"; }
check_sarama() { need_go && exec "$cache/bin/sarama" "$bootstrap"; }
check_kafkajs() {
    need_node && need_python || return 1
    local manifest=$cache/node/manifest status=0
    node "$cache/node/check.mjs" "$bootstrap" "$manifest" || status=1
    python check_manifest.py "$manifest" || status=1
    return $status
}

check_groups() {
    need_java && need_python && need_go && need_node || return 1
    python3 -m unittest discover -q -s "$here/groups" || return 1
    exec python3 "$here/groups/drive.py" --bootstrap "$bootstrap" --client all ${KLAMM_SHORT:+--short}
}
check_groups-admin() {
    need_java && exec java -Xmx128m -XX:TieredStopAtLevel=1 -Dlog4j2.level=ERROR -cp "$libs/*:$cache/java" GroupAdminCheck "$bootstrap"
}
check_groups-tools() { need_java && exec "$here/groups/tools.sh" "$libs" "$cache/java" "$bootstrap"; }

# Each in its own process with a time limit; the log is kept, failures are shown.
run_one() {
    local name=$1 log=$cache/$1.log started=$SECONDS status=0 line
    (check_"$name") >"$log" 2>&1 </dev/null &
    local pid=$!
    (sleep "$limit" && kill -TERM "$pid" 2>/dev/null && sleep 5 && kill -9 "$pid" 2>/dev/null) >/dev/null 2>&1 &
    local guard=$!
    wait "$pid" || status=$?
    kill "$guard" 2>/dev/null
    wait "$guard" 2>/dev/null
    grep -E '^FAIL' "$log"
    line=$(grep -E '[0-9]+ passed, [0-9]+ failed' "$log" | tr '\n' ';')
    if [ $status -ne 0 ] && ! grep -qE '[1-9][0-9]* failed' "$log"; then
        tail -15 "$log"
        line="$line ended with status $status: 0 passed, 1 failed"
    fi
    count "$line"
    printf '%-14s %4d s   %s\n' "$name" $((SECONDS - started)) "${line%;}"
}

count() {
    local numbers
    while read -r numbers; do
        passed=$((passed + ${numbers%% *}))
        failed=$((failed + ${numbers##* }))
    done < <(grep -oE '[0-9]+ passed, [0-9]+ failed' <<<"$1" | sed -E 's/ passed, ([0-9]+) failed/ \1/')
}

passed=0 failed=0
for name in ${only//,/ }; do
    run_one "$name"
done
echo "clients: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
