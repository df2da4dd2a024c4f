# SPDX-License-Identifier: BSD-2-Clause
"""generators.py PKTGEN DIR: the packets of trex.py and of rtp-pcap, for generators.sh.

TRex is not in Debian: its API is stood in for by classes that take the arguments which trex.py gives
them, and by an engine that does to the packet what TRex's would.
"""
import importlib.util
import struct
import subprocess
import sys
import types

from scapy.all import IP, UDP, Ether, rdpcap

PKTGEN, DIR = sys.argv[1:]


def want(what, expected, got):
    if expected != got:
        sys.exit(f"{what}: want {expected!r}, got {got!r}")


# ---- TRex, as far as trex.py goes ------------------------------------------------------------------
class STLVmFlowVar:
    def __init__(self, name, min_value=None, max_value=None, init_value=None, size=4, op="inc", step=1):
        if size not in (1, 2, 4, 8) or op != "inc" or not 0 <= min_value < max_value < 1 << 8 * size:
            sys.exit(f"{name}: no such variable")
        self.name, self.size, self.step = name, size, step
        self.least, self.most, self.value = min_value, max_value, init_value or min_value


class STLVmWrFlowVar:
    def __init__(self, fv_name, pkt_offset):
        self.name, self.offset = fv_name, pkt_offset


class STLScVmRaw:
    def __init__(self, list_of_commands):
        self.var = {c.name: c for c in list_of_commands if isinstance(c, STLVmFlowVar)}
        self.writes = [c for c in list_of_commands if isinstance(c, STLVmWrFlowVar)]
        want("variables written", set(self.var), {w.name for w in self.writes})


class STLPktBuilder:
    def __init__(self, pkt, vm):
        self.pkt, self.vm = pkt, vm

    def packets(self, n):
        """The next n packets, as TRex's field engine makes them."""
        for _ in range(n):
            data = bytearray(bytes(self.pkt))
            for write in self.vm.writes:
                var = self.vm.var[write.name]
                data[write.offset:write.offset + var.size] = var.value.to_bytes(var.size, "big")
                var.value += var.step
                if var.value > var.most:
                    var.value = var.least
            yield bytes(data)


class STLTXCont:
    def __init__(self, pps):
        self.pps = pps


class STLStream:
    def __init__(self, isg, mode, packet):
        self.isg, self.mode, self.packet = isg, mode, packet


def load_trex():
    api = types.ModuleType("trex_stl_lib.api")
    for each in (Ether, IP, UDP, STLVmFlowVar, STLVmWrFlowVar, STLScVmRaw, STLPktBuilder, STLTXCont,
                 STLStream):
        setattr(api, each.__name__, each)
    sys.modules["trex_stl_lib"] = types.ModuleType("trex_stl_lib")
    sys.modules["trex_stl_lib.api"] = api
    spec = importlib.util.spec_from_file_location("trex", f"{PKTGEN}/trex.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- bytes -----------------------------------------------------------------------------------------
def ones_sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def check_frame(frame, src, dst, sport, dport, payload_len, udp_sum):
    """IPv4 over Ethernet; returns the UDP payload."""
    want("ethertype", b"\x08\x00", frame[12:14])
    ip = frame[14:34]
    want("version and header", 0x45, ip[0])
    want("DSCP", 46 << 2, ip[1])
    want("IP length", 28 + payload_len, int.from_bytes(ip[2:4], "big"))
    want("frame length", 42 + payload_len, len(frame))
    want("protocol", 17, ip[9])
    want("IP checksum", 0xffff, ones_sum(ip))
    want("addresses", bytes(map(int, f"{src}.{dst}".split("."))), ip[12:20])
    want("UDP ports and length", (sport, dport, 8 + payload_len), struct.unpack("!HHH", frame[34:40]))
    if udp_sum:
        pseudo = ip[12:20] + struct.pack("!HH", 17, 8 + payload_len)
        want("UDP checksum", 0xffff, ones_sum(pseudo + frame[34:]))
    else:
        want("UDP checksum", b"\0\0", frame[40:42])
    return frame[42:]


def rtp_of(payload):
    return struct.unpack("!BBHII", payload[:12])


def check_trex():
    trex = load_trex()
    rooms = trex.register().get_streams(
        tunables=["--to", "192.0.2.1", "--source", "192.0.2.2", "--rooms", "4", "--ssrc", "100"])
    want("streams", 4, len(rooms))
    for n, stream in enumerate(rooms):
        want("rate", 50, stream.mode.pps)
        want("first packet, us", n * 5000.0, stream.isg)
        for k, frame in enumerate(stream.packet.packets(3)):
            payload = check_frame(frame, "192.0.2.2", "192.0.2.1", 4000, 5000 + n, 112, False)
            want("RTP", (0x80, 111, k, k * 960, 100 + n), rtp_of(payload))
    seq = rooms[0].packet.vm.var["seq"]
    want("sequence numbers", (0, 0xffff), (seq.least, seq.most))
    want("a stream without tunables", 1, len(trex.register().get_streams(direction=0, port_id=0)))


def ogg_page(number, packets):
    laces = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    return (b"OggS\0\0" + bytes(8) + struct.pack("<III", 7, number, 0) + bytes([len(laces)]) + laces +
            b"".join(packets))


def check_pcap():
    spoken = [bytes([0x78, 7]) + bytes(n) for n in (1, 38, 99, 253, 254, 600)]  # one frame of 20 ms
    with open(f"{DIR}/speech.opus", "wb") as out:
        out.write(ogg_page(0, [b"OpusHead\1\1" + bytes(9)]) + ogg_page(1, [b"OpusTags" + bytes(8)]) +
                  ogg_page(2, spoken[:3]) + ogg_page(3, spoken[3:]))
    subprocess.run(["/usr/bin/python3", f"{PKTGEN}/rtp-pcap", f"{DIR}/speech.opus", f"{DIR}/rtp.pcap",
                    "--to", "192.0.2.1:5000", "--from", "192.0.2.2:4000", "--dst-mac",
                    "02:00:00:00:00:09", "--ssrc", "0x1234", "--seq", "65534"],
                   check=True, stdout=subprocess.DEVNULL)
    frames = rdpcap(f"{DIR}/rtp.pcap")
    want("frames", len(spoken), len(frames))
    for n, (frame, packet) in enumerate(zip(frames, spoken)):
        want("due, ms", 20 * n, round(frame.time * 1000))
        raw = bytes(frame)
        want("to", bytes([2, 0, 0, 0, 0, 9]), raw[:6])
        payload = check_frame(raw, "192.0.2.2", "192.0.2.1", 4000, 5000, 12 + len(packet), True)
        want("RTP", (0x80, 111 | (0 if n else 0x80), (65534 + n) & 0xffff, n * 960, 0x1234),
             rtp_of(payload))
        want("what is said", packet, payload[12:])


check_trex()
check_pcap()
