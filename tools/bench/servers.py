# SPDX-License-Identifier: BSD-2-Clause
"""The servers: xtcp, and what it is measured beside. A link is named after its
server; xtcp's options follow it, and its CPU if it is not that of all:
xtcp_spin-us=0, xtcp@0."""

import os
import resource
import shutil
import time

import world as w

ECHO, DISCARD, CHARGEN, PROXY, NGINX, HAPROXY = 7, 9, 19, 80, 81, 82


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise w.Failure("there is no %s here (tools/deps --bench)" % program)


def backend(world):
    path = world.tmp + "/backend"
    if not os.path.exists(path):
        world.start([w.BUILD + "/bench/epoll_echo", "--unix", path], "ready", "backend")
    return path


def epoll(link, port, *options):
    return link.start([w.BUILD + "/bench/epoll_echo", "--port", str(port), *options], "ready")


def settle(process):
    """For a server that does not say when it is ready."""
    time.sleep(0.5)
    if process.poll() is not None:
        raise w.Failure("%s ended at once" % process.args[-1])


def kernel(link, _):
    epoll(link, ECHO)
    epoll(link, DISCARD, "--discard")


def plain(link, _):
    epoll(link, CHARGEN, "--source")


def epolls(link, options):
    """So many connections at rest; a process may not open more files than its limit."""
    each = resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4
    for _ in range(int(options[0]) // each + 1):
        epoll(link, ECHO)


def cookies(link, _):
    link.inside(link.server, "sysctl", "-qw", "net.ipv4.tcp_syncookies=2")
    epoll(link, ECHO)


SYNPROXY = """table ip bench {
	chain before {
		type filter hook prerouting priority raw; policy accept;
		tcp dport %d tcp flags syn / fin,syn,rst,ack notrack
	}
	chain in {
		type filter hook input priority filter; policy accept;
		tcp dport %d ct state invalid,untracked synproxy mss 1460 wscale 7 sack-perm timestamp
		ct state invalid drop
	}
}
""" % (ECHO, ECHO)


def synproxy(link, _):
    need("nft")
    link.inside(link.server, "nft", "-f", "-", input=SYNPROXY)
    link.inside(link.server, "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0")
    epoll(link, ECHO)


def xtcp(link, options):
    address = w.SERVER6 if link.name.startswith("xtcp6") else w.SERVER
    listen = "[%s]:%d=%s" if ":" in address else "%s:%d=%s"
    services = [(ECHO, "echo"), (DISCARD, "discard"), (CHARGEN, "chargen"),
                (PROXY, "proxy:unix:" + backend(link.world))]
    command = [w.BUILD + "/xtcpd", "--interface", "s0", "--traces", "0", "--workers", "1",
               "--time-wait-ms", "1000", "--control", "%s/%s.sock" % (link.world.tmp, link.name),
               "--bpffs", "/sys/fs/bpf/%s/%s" % (link.world.name, link.name)]
    for port, service in services:
        command += ["--listen", listen % (address, port, service)]
    link.start(command + ["--" + o for o in options], "^ready")
    time.sleep(1.2)  # it looks at the other end once a second


def nginx(link, _):
    need("nginx")
    conf = link.world.tmp + "/nginx.conf"
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    with open(conf, "w") as f:
        if os.path.exists(module):
            f.write("load_module %s;\n" % module)
        f.write("""daemon off; master_process off; pid %s/nginx.pid; error_log stderr warn;
                user root; worker_rlimit_nofile 65535;
                events { worker_connections 32768; multi_accept on; }
                stream { server { listen %d backlog=65535 reuseport;
                tcp_nodelay on; proxy_pass unix:%s; } }
                """ % (link.world.tmp, NGINX, backend(link.world)))
    settle(link.start(["/usr/sbin/nginx", "-p", link.world.tmp, "-c", conf], ""))


def haproxy(link, _):
    need("haproxy")
    conf = link.world.tmp + "/haproxy.cfg"
    with open(conf, "w") as f:
        f.write("""global
    nbthread 1
    maxconn 8192
    tune.maxaccept 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen p
    bind :%d backlog 65535
    server s unix@%s
""" % (HAPROXY, backend(link.world)))
    settle(link.start(["/usr/sbin/haproxy", "-db", "-f", conf], ""))


def nobody(_link, _options):
    pass


def drop_behind(link, _):
    """A program in the driver would make the sender cut what is to be sent whole."""
    link.inside(link.client, "tc", "qdisc", "add", "dev", "c0", "clsact")
    link.inside(link.client, "tc", "filter", "add", "dev", "c0", "ingress", "bpf", "direct-action",
                "object-file", w.BUILD + "/bench/drop.bpf.o", "section", "tc")


class Kind:
    """A server, the XDP programs at its own end and at the client's, and the link. What
    is sent by XDP_TX arrives only where a program is attached, so the client's end has
    one (xload takes its place) but where super-segments are to arrive whole."""

    def __init__(self, serve, here="xdp_pass", there="xdp_pass", queues=1, v6=False):
        self.serve, self.here, self.there, self.queues, self.v6 = serve, here, there, queues, v6


KINDS = {
    "kernel": Kind(kernel),
    "kernel6": Kind(kernel, v6=True),
    "epolls": Kind(epolls),
    "cookies": Kind(cookies),
    "synproxy": Kind(synproxy),
    "plain": Kind(plain, here=None, there=None),
    "nginx": Kind(nginx),
    "haproxy": Kind(haproxy),
    "xtcp": Kind(xtcp, here=None),
    "xtcp6": Kind(xtcp, here=None, v6=True),
    "xtcp2q": Kind(xtcp, here=None, queues=2),
    "xtcpbulk": Kind(xtcp, here=None, there=None),
    "reflect": Kind(nobody, here="xdp_echo"),
    "drop": Kind(nobody, there="drop"),
    "dropbehind": Kind(drop_behind, there=None),
}


def cpus_of(world, kind, named):
    """With several queues: up to four CPUs, else one."""
    if named:
        if int(named) < 0:
            raise w.Failure("this machine has too few CPUs")
        return named
    if kind.queues == 1:
        return world.cpu
    most = os.cpu_count()
    if most < kind.queues:
        raise w.Failure("this machine has one CPU")
    return ",".join(str(c) for c in range(max(0, most - 4), most))


def make_link(world, name):
    server, _, cpu = name.partition("@")
    base, *options = server.split("_")
    kind = KINDS[base]
    link = w.Link(world, name, cpus_of(world, kind, cpu), kind.queues, kind.v6)
    if kind.here:
        link.attach(link.server, "s0", kind.here)
    if kind.there:
        link.attach(link.client, "c0", kind.there)
    try:
        kind.serve(link, options)
    except BaseException:
        link.close()
        raise
    return link
