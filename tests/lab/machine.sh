#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# machine.sh FOLDER PROJECT STATE: becomes a machine of its own whose first process is systemd; by tests.lab.machine.
# Called in fresh namespaces. Its disk is this machine's, with a layer above that nobody keeps; the README's steps follow.
set -eu
umask 022
folder=$1 project=$2 state=$3 root=$1/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
mkdir "$root" "$folder/above" "$folder/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/above,workdir=$folder/work" "$root"
mkdir -p "$root/opt/pinhole" "$root/var/lib/pinhole"
mount --bind -o ro "$project" "$root/opt/pinhole"
mount --bind "$state" "$root/var/lib/pinhole"

mount -t proc proc "$root/proc"
# Of the settings of a kernel that it shares, only those of its own network may be changed.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for each in null zero full random urandom tty; do
    touch "$root/dev/$each"
    mount --bind "/dev/$each" "$root/dev/$each"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"

# Of what else is installed here nothing starts.
cd "$root/etc"
rm -rf systemd/system init.d rc?.d pinhole
mkdir -p systemd/system sysusers.d tmpfiles.d
ln -s /dev/null systemd/system/systemd-firstboot.service
systemd-id128 new > machine-id

units=$root/opt/pinhole/deploy/units
cp "$units"/*.service "$units"/*.socket "$units"/*.target systemd/system/
cp "$units/pinhole.sysusers.conf" sysusers.d/pinhole.conf
cp "$units/pinhole.tmpfiles.conf" tmpfiles.d/pinhole.conf
systemctl --root="$root" enable pinhole.target

for wire in lan wan; do
    ip link add "${wire}0" type veth peer name "${wire}1"
    ip link set "${wire}0" up
    ip link set "${wire}1" up
done
ip link set lo up
ip address add 192.168.0.1/24 dev lan0
ip address add 203.0.113.2/24 dev wan0

mkdir "$root/old"
cd "$root"
pivot_root . old
umount -l /old
exec env -i container=pinhole PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target
