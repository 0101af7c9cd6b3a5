#!/bin/sh
# Lays out the files of the images: docker/layout.sh DIST LAYOUT
#
# DIST holds the static programs `klamm` and `busybox`. LAYOUT gets a folder for each COPY of docker/Dockerfile:
# klamm/ and compat/ belong to root, owned/ and compat-owned/ to the user that runs the broker.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
dist="$1" layout="$2"

tools="kafka-broker-api-versions kafka-cluster kafka-configs kafka-console-consumer kafka-console-producer
kafka-consumer-groups kafka-server-start kafka-storage kafka-topics"

rm -rf "$layout"
mkdir -p "$layout/klamm/usr/bin" "$layout/klamm/opt/kafka/bin" "$layout/klamm/etc" "$layout/klamm/tmp"
cp "$dist/klamm" "$layout/klamm/usr/bin/klamm"
chmod 755 "$layout/klamm/usr/bin/klamm"
chmod 1777 "$layout/klamm/tmp"
echo 'root:x:0:0::/root:/bin/sh' >"$layout/klamm/etc/passwd"
echo 'appuser:x:1000:1000::/home/appuser:/bin/sh' >>"$layout/klamm/etc/passwd"
echo 'appuser:x:1000:' >"$layout/klamm/etc/group"
for tool in $tools; do
    # Kafka's image has the first name, Confluent's the second.
    ln -s /usr/bin/klamm "$layout/klamm/opt/kafka/bin/$tool.sh"
    ln -s /usr/bin/klamm "$layout/klamm/usr/bin/$tool"
done
mkdir -p "$layout/owned/var/lib/kafka/data" "$layout/owned/mnt/shared/config" \
    "$layout/owned/etc/kafka/secrets" "$layout/owned/home/appuser"

[ -e "$dist/busybox" ] || exit 0
mkdir -p "$layout/compat/bin" "$layout/compat/usr/bin" "$layout/compat/usr/sbin" "$layout/compat-owned"
cp "$dist/busybox" "$layout/compat/bin/busybox"
chmod 755 "$layout/compat/bin/busybox"
for applet in $("$dist/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$layout/compat/bin/$applet"
done
# Scripts begin with /bin/bash or /usr/bin/env.
printf '#!/bin/sh\nexec /bin/sh "$@"\n' >"$layout/compat/bin/bash"
chmod 755 "$layout/compat/bin/bash"
ln -s /bin/env "$layout/compat/usr/bin/env"
cp -R "$here/compat/usr/bin/." "$layout/compat/usr/bin/"
cp -R "$here/compat/etc" "$here/compat/opt" "$layout/compat-owned/"
chmod -R a+rX "$layout/compat/usr/bin" "$layout/compat-owned"
chmod 755 "$layout/compat/usr/bin/cub" "$layout/compat/usr/bin/zookeeper-server-start" \
    "$layout"/compat-owned/etc/*/docker/*
