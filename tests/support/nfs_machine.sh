#!/bin/bash
# The first process of the machine that nfs_machine.py starts: it makes an NFS server and two nodes
# that mount what it exports, each with a network of its own, and runs a command. All that it writes
# is gone with it.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run/tmp LANG=C.UTF-8

mount -t proc proc /proc
mount -t sysfs sysfs /sys
for place in /run /var/lib/nfs; do mount -t tmpfs tmpfs "$place"; done
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
ip link set lo up

mkdir -p /run/tmp /run/kernel/lib && ln -s /usr/lib/uml/modules /run/kernel/lib/modules
for module in nfsv4 nfsd veth sch_netem; do modprobe -d /run/kernel "$module"; done
mount -t nfsd nfsd /proc/fs/nfsd
mkdir -p /run/export /var/lib/nfs/{sm,sm.bak,rpc_pipefs,v4recovery,nfsdcltrack}
touch /var/lib/nfs/{etab,rmtab,state}
echo 10 >/proc/fs/nfsd/nfsv4gracetime
echo 10 >/proc/fs/nfsd/nfsv4leasetime
exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=0,insecure '*:/run/export'
rpc.mountd --no-nfs-version 3
rpc.nfsd --no-nfs-version 3 4

for number in 1 2; do
    node=node$number
    ip netns add "$node"
    ip link add "$node" type veth peer name server netns "$node"
    ip address add "10.0.$number.1/24" dev "$node"
    ip link set "$node" up
    ip -n "$node" address add "10.0.$number.2/24" dev server
    ip -n "$node" link set server up
    mkdir "/run/$node"
    # Each with a name and a network of its own: two clients, as the server sees them.
    unshare --uts sh -c "hostname $node; exec nsenter --net=/run/netns/$node mount -t nfs4 \
        -o vers=4.2,nosharecache,timeo=10,retrans=1 10.0.$number.1:/ /run/$node"
done

bash "$1"
echo "exit status: $?"
sync
echo o >/proc/sysrq-trigger
sleep 60
