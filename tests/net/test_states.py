# SPDX-License-Identifier: BSD-2-Clause
"""The life of a connection on the wire, segment by segment and state by state:
opening, closing, from either side and from both at once (RFC 9293, 3.5 and 3.6)."""
import subprocess
import time

import pytest

from lab import BUILD, CLIENT, RAW, SERVER, at, run, until
from peer import RawPeer, Wire, relative_trace

SENTENCE = b"I'm TCP client"
BANNER, ANSWER = b"Hello, Client!", b"Thank you, Server!"


def greet(lab, time_wait=60000):
    return lab.listening("greet", 12345, {"time_wait_ms": time_wait}, {"banner": BANNER.decode()})


def lives(daemon):
    """The states of the one connection that there was, without repetitions."""
    (trace,) = daemon.traces()
    return daemon.states(trace["id"])


# --- passive open, passive close -------------------------------------------------


def test_discard__client_that_closes_at_once(pair, family):
    daemon = pair.listening("discard", 12345)
    wire = Wire(pair.client)
    s = pair.client.connect(SERVER[family], 12345)
    s.sendall(SENTENCE)
    s.close()
    daemon.gone()
    trace = relative_trace(wire, CLIENT[family], SERVER[family], 12345)
    wire.close()
    there = [repr(s).replace("P", "") for ours, s in trace if ours]
    back = [repr(s).replace("P", "") for ours, s in trace if not ours]
    assert there[:3] == ["S seq 0 ack None len 0", ". seq 1 ack 1 len 0", ". seq 1 ack 1 len 14"]
    assert "F. seq 15 ack 1 len 0" in there
    assert there[-1] == ". seq 16 ack 2 len 0"
    assert back[0] == "S. seq 0 ack 1 len 0"
    assert back[-1] == "F. seq 1 ack 16 len 0"
    assert set(back[1:-1]) <= {". seq 1 ack 15 len 0", ". seq 1 ack 16 len 0"}
    assert lives(daemon) == ["LISTEN", "SYN_RECEIVED", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK",
                             "CLOSED"]


def test_discard__every_number_of_it(pair, family):
    """The same, with a peer that waits for each acknowledgment."""
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345) as peer:
        peer.send("S", 0, options=[("MSS", 1460)])
        peer.expect("S.", seq=0, ack=1)
        assert daemon.one_connection()["state"] == "SYN_RECEIVED"
        peer.send(".", 1, 1)
        daemon.one_connection("ESTABLISHED")
        peer.send("P.", 1, 1, SENTENCE)
        peer.expect(".", seq=1, ack=15)
        peer.send("F.", 15, 1)
        last = peer.receive()
        if last.flags == 0x10:  # its own segment, or on the FIN
            assert (last.seq, last.ack) == (1, 16)
            last = peer.receive()
        assert (last.flags, last.seq, last.ack) == (0x11, 1, 16)
        assert daemon.one_connection()["state"] == "LAST_ACK"
        peer.send(".", 16, 2)
        daemon.gone()
        peer.silence(0.3)
    assert lives(daemon) == ["LISTEN", "SYN_RECEIVED", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK",
                             "CLOSED"]


def test_discard__text_and_fin_in_one_segment(pair, family):
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345) as peer:
        peer.open()
        peer.send("FP.", 1, 1, SENTENCE)
        peer.expect("F.", seq=1, ack=16, skip_acks=True)
        peer.send(".", 16, 2)
        daemon.gone()


def test_last_ack__our_fin_is_repeated_until_acknowledged(pair, family):
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345) as peer:
        peer.open()
        peer.send("F.", 1, 1)
        peer.expect("F.", seq=1, ack=2, skip_acks=True)
        peer.expect("F.", seq=1, ack=2, timeout=4)
        peer.send(".", 2, 2)
        daemon.gone()


# --- active close ---------------------------------------------------------------------


def test_greet__we_close_first(pair, family):
    daemon = greet(pair, time_wait=1500)
    s = pair.client.connect(SERVER[family], 12345)
    assert s.recv(100) == BANNER
    s.sendall(ANSWER)
    assert s.recv(100) == b""
    daemon.one_connection("FIN_WAIT_2")
    began = time.monotonic()
    s.close()
    daemon.one_connection("TIME_WAIT")
    time.sleep(max(0, began + 1.2 - time.monotonic()))
    assert daemon.one_connection()["state"] == "TIME_WAIT"
    daemon.gone(3)
    assert 1.4 < time.monotonic() - began < 3
    assert lives(daemon) == ["LISTEN", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2",
                             "TIME_WAIT", "CLOSED"]
    assert ANSWER.decode() in daemon.errors()


def greeted(peer):
    """The peer has the banner, has answered, and has our FIN at 15."""
    peer.open()
    peer.expect(".", seq=1, ack=1, text=BANNER)
    peer.send("P.", 1, 15, ANSWER)
    peer.expect("F.", seq=15, ack=19, skip_acks=True)


def test_fin_wait_1__fin_and_the_ack_of_ours_in_one_segment(pair, family):
    daemon = greet(pair, time_wait=1000)
    with RawPeer(pair, family, 12345) as peer:
        greeted(peer)
        assert daemon.one_connection()["state"] == "FIN_WAIT_1"
        peer.send("F.", 19, 16)
        peer.expect(".", seq=16, ack=20)
        daemon.one_connection("TIME_WAIT")
        daemon.gone(4)
    assert lives(daemon) == ["LISTEN", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1", "TIME_WAIT",
                             "CLOSED"]


def test_closing__both_close_at_once(pair, family):
    daemon = greet(pair, time_wait=1000)
    with RawPeer(pair, family, 12345) as peer:
        greeted(peer)
        peer.send("F.", 19, 15)  # crosses ours
        peer.expect(".", seq=16, ack=20)
        daemon.one_connection("CLOSING")
        peer.send(".", 20, 16)
        daemon.one_connection("TIME_WAIT")
        daemon.gone(4)
    assert lives(daemon) == ["LISTEN", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1", "CLOSING",
                             "TIME_WAIT", "CLOSED"]


def test_fin_wait_2__peer_still_sends_then_closes(pair, family):
    """greet reads one answer only; what comes later is no reset before the FIN."""
    daemon = greet(pair, time_wait=500)
    with RawPeer(pair, family, 12345) as peer:
        greeted(peer)
        peer.send(".", 19, 16)
        daemon.one_connection("FIN_WAIT_2")
        peer.send("F.", 19, 16)
        peer.expect(".", seq=16, ack=20)
        daemon.gone(4)


def test_daytime__the_server_speaks_and_closes_first(pair, family):
    daemon = pair.listening("daytime", 13, {"time_wait_ms": 500})
    s = pair.client.connect(SERVER[family], 13)
    text = b""
    while more := s.recv(1000):
        text += more
    s.close()
    assert time.strftime("%Y").encode() in text
    daemon.gone(4)
    assert lives(daemon)[3] == "FIN_WAIT_1"


# --- TIME_WAIT ------------------------------------------------------------------------


def in_time_wait(daemon, peer):
    greeted(peer)
    peer.send("F.", 19, 16)
    peer.expect(".", seq=16, ack=20)
    daemon.one_connection("TIME_WAIT")


def test_time_wait__old_segment_is_answered_and_changes_nothing(pair, family):
    daemon = greet(pair)
    with RawPeer(pair, family, 12345) as peer:
        in_time_wait(daemon, peer)
        peer.send("P.", 1, 15, ANSWER)  # of long ago
        peer.expect(".", seq=16, ack=20)
        peer.send("P.", -5000, 1, b"of an earlier incarnation")
        peer.expect(".", seq=16, ack=20)
        assert daemon.one_connection()["state"] == "TIME_WAIT"


def test_time_wait__repeated_fin_is_acknowledged_again(pair, family):
    daemon = greet(pair)
    with RawPeer(pair, family, 12345) as peer:
        in_time_wait(daemon, peer)
        peer.send("F.", 19, 16)
        peer.expect(".", seq=16, ack=20)
        assert daemon.one_connection()["state"] == "TIME_WAIT"


def test_time_wait__old_syn_does_not_open(pair, family):
    """A SYN from before the end of the last incarnation (RFC 9293, 3.6.1)."""
    daemon = greet(pair)
    with RawPeer(pair, family, 12345) as peer:
        in_time_wait(daemon, peer)
        peer.send("S", -1000)
        peer.expect(".", seq=16, ack=20)
        assert daemon.one_connection()["state"] == "TIME_WAIT"


# --- opening --------------------------------------------------------------------------


def test_syn_received__old_duplicate_syn_leaves_nothing_behind(pair, family):
    """RFC 9293, figure 9."""
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345) as peer:
        peer.send("S", -700000)
        s = peer.expect("S.", seq=0, ack=-700000 + 1 & 0xffffffff)
        assert daemon.one_connection()["state"] == "SYN_RECEIVED"
        peer.send("R", -700000 + 1)  # "I sent no such SYN"
        daemon.gone()
        assert s.absolute_seq
        peer.open()
        daemon.one_connection("ESTABLISHED")
        peer.send("R", 1)
        daemon.gone()


def test_listen__stray_segments_are_answered_with_a_reset(pair, family):
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345) as peer:
        peer.send(".", 100, 777)
        s = peer.expect("R")
        assert s.absolute_seq == 777 and not s.text
        peer.send("R", 100)
        peer.send("R.", 100, 777)
        peer.silence(0.3)
        assert daemon.connections() == []


def test_sequence_numbers_cannot_be_guessed(pair, family):
    """RFC 6528: other ports, other numbers; nothing that a difference betrays."""
    pair.listening("discard", 12345)
    starts = []
    for port in range(40000, 40006):
        with RawPeer(pair, family, 12345, own_port=port) as peer:
            peer.send("S", 0)
            starts.append(peer.expect("S.").absolute_seq)
            peer.send("R", 1)
    steps = {(b - a) & 0xffffffff for a, b in zip(starts, starts[1:])}
    assert len(steps) == 5 and not any(step < 1 << 16 for step in steps), starts


def connecting(lab, daemon, family, port=9999):
    """xtcpctl connect to the raw peer, on its way."""
    return subprocess.Popen([BUILD / "xtcpctl", "--control", daemon.control, "connect",
                             at(RAW[family], port), "--service", "discard"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_connect__active_open(pair, family):
    """MUST-44, MUST-45: from the address that a route there has, all along: the peer
    takes no other for its own."""
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, None, own_port=9999) as peer:
        command = connecting(pair, daemon, family)
        peer.expect("S", seq=0)
        daemon.one_connection("SYN_SENT")
        peer.send("S.", 0, 1)
        peer.expect(".", seq=1, ack=1)
        daemon.one_connection("ESTABLISHED")
        assert command.wait(5) == 0, command.stdout.read()
        peer.send("P.", 1, 1, SENTENCE)
        peer.expect(".", seq=1, ack=15)
        peer.send("F.", 15, 1)
        peer.expect("F.", seq=1, ack=16, skip_acks=True)
        peer.send(".", 16, 2)
        daemon.gone()
    assert lives(daemon) == ["CLOSED", "SYN_SENT", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK",
                             "CLOSED"]


def test_connect__simultaneous_open(pair, family):
    """RFC 9293, figure 8."""
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, None, own_port=9999) as peer:
        command = connecting(pair, daemon, family)
        peer.expect("S", seq=0)
        peer.send("S", 0)
        peer.expect("S.", seq=0, ack=1)
        daemon.one_connection("SYN_RECEIVED")
        peer.send("S.", 0, 1)
        daemon.one_connection("ESTABLISHED")
        assert command.wait(5) == 0, command.stdout.read()
        peer.send("P.", 1, 1, SENTENCE)
        until(lambda: any(s and s.ack == 15 for s in [peer.receive(1)]), 5)
        peer.send("R", 15)
        daemon.gone()
    assert lives(daemon) == ["CLOSED", "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED", "CLOSED"]


def test_connect__to_a_kernel(pair, family):
    daemon = pair.listening("discard", 12345)
    listener = pair.client.socket(*{"v4": (2, 1), "v6": (10, 1)}[family])
    listener.bind((CLIENT[family], 9998))
    listener.listen()
    daemon.ctl("connect", at(CLIENT[family], 9998), "--service", "echo")
    listener.settimeout(5)
    s = listener.accept()[0]
    s.settimeout(5)
    s.sendall(b"over to you")
    assert s.recv(100) == b"over to you"
    s.close()
    listener.close()
    daemon.gone()


def test_connect__refused(pair, family):
    daemon = pair.listening("discard", 12345)
    daemon.ctl("connect", at(CLIENT[family], 9997), "--service", "discard", check=False)
    daemon.gone()
    assert lives(daemon) == ["CLOSED", "SYN_SENT", "CLOSED"]
    assert "refused" in daemon.errors()


@pytest.mark.parametrize("target, message", [
    ("nonsense", ""), ("10.77.0.1:0", ""), ("10.77.0.1:99999", ""), ("192.0.2.1:80", ""),
    ("224.0.0.1:80", "unicast"), ("[ff02::1]:80", "unicast"),
    ("10.77.0.255:80", "single host"), ("255.255.255.255:80", ""), ("0.0.0.0:80", ""),
    ("[::]:80", "")])
def test_connect__bad_targets_are_answered(pair, target, message):
    """RFC 9293, 3.9.2.3, among others: MUST-46."""
    daemon = pair.listening("discard", 12345)
    done = run(BUILD / "xtcpctl", "--control", daemon.control, "connect", target, "--service",
               "discard", check=False)
    assert done.returncode != 0 and done.stderr.strip() and message in done.stderr
    assert daemon.connections() == []


# --- half close -------------------------------------------------------------------------


def test_close_wait__we_still_send_what_there_is(pair, family):
    """The client has finished; the rest of the echo arrives, then our FIN."""
    daemon = pair.listening("echo", 7)
    data = bytes(range(256)) * 600
    s = pair.client.socket(*{"v4": (2, 1), "v6": (10, 1)}[family])
    s.setsockopt(1, 8, 20000)  # SO_RCVBUF: most of it must wait on our side
    s.settimeout(10)
    s.connect((SERVER[family], 7))
    s.sendall(data)
    s.shutdown(1)
    daemon.one_connection("CLOSE_WAIT")
    time.sleep(0.3)
    assert daemon.one_connection()["state"] == "CLOSE_WAIT"
    back = b""
    while more := s.recv(10000):
        back += more
    assert back == data
    s.close()
    daemon.gone()


# --- resets ---------------------------------------------------------------------------------


def test_reset__in_the_window_but_not_at_its_edge_is_challenged(pair, family):
    """RFC 9293, 3.10.7.4, second: only RCV.NXT itself resets (RFC 5961)."""
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345) as peer:
        peer.open()
        daemon.one_connection("ESTABLISHED")
        peer.send("R", 1000)
        peer.expect(".", seq=1, ack=1)
        peer.send("R", -1000)
        peer.silence(0.2)
        assert daemon.one_connection()["state"] == "ESTABLISHED"
        peer.send("R", 1)
        daemon.gone()


def test_syn__in_an_established_connection_is_challenged(pair, family):
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345) as peer:
        peer.open()
        daemon.one_connection("ESTABLISHED")
        peer.send("S", 5000)
        peer.expect(".", seq=1, ack=1)
        assert daemon.one_connection()["state"] == "ESTABLISHED"
        peer.send("R", 1)
        daemon.gone()


# --- text ---------------------------------------------------------------------------------------


def test_reassembly__out_of_order_and_overlapping(pair, family):
    daemon = pair.listening("echo", 7)
    text = bytes(range(100, 200)) * 10
    with RawPeer(pair, family, 7) as peer:
        peer.open()
        for start, end in ((500, 1000), (300, 600), (100, 200), (0, 150), (150, 400)):
            peer.send("P.", 1 + start, 1, text[start:end])
        back = {}
        while sum(map(len, back.values())) < len(text):
            s = peer.receive(3)
            assert s, peer.seen
            if s.text:
                back[s.seq] = s.text
                peer.send(".", 1 + len(text), s.seq + len(s.text))
        assert b"".join(back[k] for k in sorted(back)) == text
        peer.send("R", 1 + len(text))
        daemon.gone()


def test_timestamps__are_echoed_and_old_ones_refused(pair, family):
    """RFC 7323: PAWS."""
    daemon = pair.listening("discard", 12345)
    with RawPeer(pair, family, 12345, timestamps=True) as peer:
        peer.open(options=[("MSS", 1460)])
        peer.send("P.", 1, 1, b"new")
        s = peer.expect(".", seq=1, ack=4)
        assert "Timestamp" in s.options
        old = peer.frame("P.", 4, 1, b"old")
        tcp = old.getlayer("TCP")
        tcp.options = [("Timestamp", (s.options["Timestamp"][1] - 100000 & 0xffffffff,
                                      s.options["Timestamp"][0]))]
        peer.wire.send(old)
        peer.expect(".", seq=1, ack=4)
        peer.send("P.", 4, 1, b"next")
        peer.expect(".", seq=1, ack=8)
        peer.send("R", 8)
        daemon.gone()


def test_zero_window__is_probed_and_survives(pair, family):
    daemon = pair.listening("greet", 12345, None, {"banner": BANNER.decode()})
    with RawPeer(pair, family, 12345) as peer:
        peer.send("S", 0, options=[("MSS", 1460)], window=0)
        peer.expect("S.", seq=0, ack=1)
        peer.send(".", 1, 1, window=0)
        probe = peer.receive(4)
        assert probe and len(probe.text) <= 1
        peer.send(".", 1, 1, window=0)
        peer.send(".", 1, 1, window=1000)
        got = b""
        while got != BANNER:
            s = peer.receive(4)
            assert s, peer.seen
            if s.seq == 1 + len(got):
                got += s.text
                peer.send(".", 1, 1 + len(got))
        peer.send("R", 1)
        daemon.gone()
