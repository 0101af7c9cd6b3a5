#!/bin/sh
# Lets a running Kafka compact random partitions, and leaves each one's segments before and after in OUT/SEED.
#   record.sh JARS BOOTSTRAP DATA OUT SEED...
# JARS: the folder of Kafka's jars. DATA: the log directory of the Kafka at BOOTSTRAP, whose topic random-SEED must
# not exist yet; `log.cleaner.backoff.ms=200` makes it quick.
#   KLAMM_COMPACTION=OUT cargo test --lib cleaner::tests::golden
# then compares; tests/golden/compaction/README.md tells what is kept in the project.
set -eu
[ $# -ge 5 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here="$(cd "$(dirname "$0")" && pwd)"
jars="$1"; bootstrap="$2"; data="$3"; out="$4"; shift 4
for seed in "$@"; do
    mkdir -p "$out/$seed"
    java -cp "$jars/*" "$here/Compaction.java" "$bootstrap" "$data" "$out/$seed" "$seed"
done
