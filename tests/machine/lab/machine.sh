#!/usr/bin/env bash
# Keep the machine running as EC2 does: a reboot inside starts it again, a power-off or a power cut ends it.
# Runs under `unshare --mount --propagation private`: nothing that is mounted here is seen outside, or stays.
#
# Needs:    root; disk = folder with upper, work, root, docker, containerd; tree = the image
# Changes:  the disk; a cgroup named like the machine
set -euo pipefail

tree=$1 disk=$2 name=$3 namespace=$4
cgroup=/sys/fs/cgroup/$name
again=133 # how systemd-nspawn ends when the machine wants to be booted again

if mountpoint --quiet /sys/fs/cgroup; then umount --recursive /sys/fs/cgroup; fi
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p "$cgroup"
echo $$ >"$cgroup/cgroup.procs"
mkdir -p /run/systemd/nspawn
mount -t tmpfs none /run/systemd/nspawn
mount -t overlay none -o "lowerdir=$tree,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"

status=$again
while ((status == again)); do
  status=0
  # The docker folders are bound: overlay2 does not lie on an overlay. The keyring calls are docker's.
  setpriv --pdeathsig KILL systemd-nspawn --boot --quiet --directory="$disk/root" \
    --machine="$name" --register=no --keep-unit \
    --network-namespace-path="/run/netns/$namespace" \
    --capability=all --system-call-filter='@keyring bpf' \
    --resolv-conf=off --timezone=off --link-journal=no --console=read-only \
    --bind="$disk/docker:/var/lib/docker" --bind="$disk/containerd:/var/lib/containerd" || status=$?
done
exit "$status"
