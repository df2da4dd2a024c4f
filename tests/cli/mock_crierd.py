# SPDX-License-Identifier: BSD-2-Clause
"""A crierd without tables: speaks its API on a unix socket, for tests of crierctl.

It keeps rooms, listeners and settings, refuses what crierd refuses, and notes each
request. A test may make it misbehave: `server.answers` holds answers (functions of the
handler, or bytes written as they are) that take the place of the next ones.
"""

import contextlib
import http.server
import json
import re
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

SETTINGS = {
    "dscp": [46, 46, 0, 63, "DSCP of copies"],
    "ttl": [64, 64, 1, 255, "TTL or hop limit of copies"],
    "guard_mode": [2, 2, 0, 2, "the guard"],
    "dead_man_s": [600, 600, 0, 86400, "seconds that copying outlives crierd"],
}
BODY_MAX = 64 << 20
PREFIX = re.compile(r"[0-9a-f:.]+(/\d+)?$")
ENDPOINT = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):(\d+)$")


class Refused(Exception):
    def __init__(self, status, error, **more):
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **more}


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 0))


def packet(n):
    data = b"\xff" * 12 + b"\x08\x00" + bytes([n % 256]) * 46
    return block(6, struct.pack("<IIIII", 0, 0, n, len(data), len(data)) + data)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes = []

    def log_message(self, *args):
        pass

    def address_string(self):
        return "unix"

    def send(self, status, body, kind="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunks(self, kind, pieces):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_MAX:
            self.close_connection = True
            self.send(413, {"error": "the body is larger than 64 MB: split it"})
            return
        self.body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.server.requests.append(
            (self.command, self.path, self.headers.get("Content-Type"), len(self.body))
        )
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.send(401, b"", "text/plain")
            return
        if self.server.answers:
            answer = self.server.answers.pop(0)
            if callable(answer):
                answer(self)
            else:
                self.wfile.write(answer)
                self.close_connection = True
            return
        for method, pattern, function in Handler.routes:
            match = re.fullmatch(pattern, url.path)
            if match and method == self.command:
                try:
                    with self.server.lock:
                        function(self, *map(urllib.parse.unquote, match.groups()))
                except Refused as refusal:
                    self.send(refusal.status, refusal.body)
                return
        self.send(404, {"error": f"no route {url.path}"})

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def json(self):
        if self.headers.get("Content-Type") != "application/json":
            raise Refused(400, "the body is no JSON")
        return json.loads(self.body)

    def room(self, name):
        if name not in self.server.rooms:
            raise Refused(404, f"no room {name}: crierctl room list names them")
        return self.server.rooms[name]


def route(method, pattern):
    def add(function):
        Handler.routes.append((method, pattern.replace("NAME", "([^/]+)"), function))
        return function

    return add


def room_object(room):
    members = room["members"]
    v6 = sum(m.startswith("[") for m in members)
    streams = [{**s, "accepted": 1000, "refused": 3} for s in room["streams"]]
    return {
        **{k: v for k, v in room.items() if k != "members"},
        "streams": streams,
        "serving": "bypass",
        "why": "as asked",
        "listeners": len(members),
        "listeners4": len(members) - v6,
        "listeners6": v6,
        "unreachable": 0,
        "stats": {"pkts": 1000, "due": 2000, "copies": 2000, "no_route": 0},
    }


@route("GET", "/v1/rooms")
def _(h):
    h.send(200, {"rooms": [room_object(r) for r in h.server.rooms.values()]})


@route("POST", "/v1/rooms")
def _(h):
    body = h.json()
    if body["name"] in h.server.rooms:
        raise Refused(409, f"room {body['name']} exists already")
    room = {
        "name": body["name"],
        "id": len(h.server.rooms) + 1,
        "generation": 7,
        "payload": body.get("payload", "rtp"),
        "engine": body.get("engine", "auto"),
        "limit": body.get("limit", 0),
        "created_s": 1700000000,
        "streams": body["streams"],
        "members": {},
    }
    h.server.rooms[body["name"]] = room
    h.send(201, room_object(room))


@route("GET", "/v1/rooms/NAME")
def _(h, name):
    h.send(200, room_object(h.room(name)))


@route("PUT", "/v1/rooms/NAME")
def _(h, name):
    room = h.room(name)
    room["engine"] = h.json()["engine"]
    h.send(200, room_object(room))


@route("DELETE", "/v1/rooms/NAME")
def _(h, name):
    h.room(name)
    del h.server.rooms[name]
    h.send(200, {"deleted": name})


@route("POST", "/v1/rooms/NAME/streams")
def _(h, name):
    h.room(name)["streams"].append(h.json())
    h.send(201, h.json())


@route("DELETE", "/v1/rooms/NAME/streams/NAME")
def _(h, name, port):
    room = h.room(name)
    ssrc = h.query.get("ssrc")
    kept = [
        s
        for s in room["streams"]
        if s["port"] != int(port) or (ssrc and s.get("ssrc") != int(ssrc))
    ]
    if len(kept) == len(room["streams"]):
        raise Refused(404, f"room {name} has no such stream")
    room["streams"] = kept
    h.send(200, {"deleted": int(port)})


@route("GET", "/v1/rooms/NAME/listeners")
def _(h, name):
    members = list(h.room(name)["members"])[: int(h.query.get("limit", 1 << 30))]
    if h.query.get("format") == "json":
        h.chunks("application/json", [json.dumps({"listeners": members}).encode()])
    else:
        h.chunks("text/plain", [f"{m}\n".encode() for m in members])


@route("GET", "/v1/rooms/NAME/listeners/count")
def _(h, name):
    room = room_object(h.room(name))
    h.send(200, {k: room[k] for k in ("listeners", "listeners4", "listeners6")})


def listeners_of(h):
    """The listeners that a body names: (list, whether it is a bulk one)."""
    if h.headers.get("Content-Type") == "application/json":
        body = h.json()
        members = [body["listener"]] if "listener" in body else body["listeners"]
        for member in members:
            if not ENDPOINT.match(member):
                raise Refused(400, f"{member} is no ADDR:PORT")
        return members, "listener" in body
    members = []
    for n, line in enumerate(h.body.decode().split("\n"), 1):
        line = line.split("#")[0].strip()
        if line and not ENDPOINT.match(line):
            raise Refused(400, f"line {n}: {line} is no ADDR:PORT", line=n, applied=0)
        if line:
            members.append(line)
    return members, False


@route("POST", "/v1/rooms/NAME/listeners")
def _(h, name):
    room = h.room(name)
    members, single = listeners_of(h)
    new = [m for m in members if m not in room["members"]]
    if single and not new:
        raise Refused(409, f"{members[0]} listens already")
    for n, member in enumerate(new):
        if len(room["members"]) == h.server.capacity:
            error = "all pages are taken: enlarge capacity.listeners and restart crierd"
            raise Refused(507, error, applied=n)
        room["members"][member] = True
    h.send(201, {"added": len(new), "existing": len(members) - len(new)})


@route("POST", "/v1/rooms/NAME/listeners/delete")
def _(h, name):
    room = h.room(name)
    members, single = listeners_of(h)
    there = [m for m in members if room["members"].pop(m, None)]
    if single and not there:
        raise Refused(404, f"{members[0]} is no listener of {name}")
    h.send(200, {"deleted": len(there), "missing": len(members) - len(there)})


@route("GET", "/v1/status")
def _(h):
    members = sum(len(r["members"]) for r in h.server.rooms.values())
    used = {"listeners4": members, "listeners6": 0, "rooms": len(h.server.rooms), "streams": 1}
    h.send(
        200,
        {
            "version": "0.1.0",
            "abi": 1,
            "node": "edge1",
            "uptime_s": 90061,
            "pid": 42,
            "pin_dir": "/sys/fs/bpf/crier",
            "media_port": 3478,
            "capacity": {k: 1 << 20 for k in used},
            "used": used,
            "memory_bytes": 50_000_000,
            "features": {
                "bpf_jit": True, "btf": False, "kernel": "6.1",
                "table": [
                    {"name": "BTF", "has": False, "without": "fewer names", "why": "none there"},
                    {"name": "zero-copy AF_XDP", "interface": "eth0", "has": None,
                     "without": "one more copy"},
                    {"name": "native XDP", "interface": "eth0", "has": True, "without": "speed"}]},
            "programs": {"from": "built-in", "load_us": 312345, "list": [
                {"name": "crier_xdp", "id": 7, "verifier_steps": 88000, "verify_us": 200000}]},
            "interfaces": [
                {
                    "name": "eth7",
                    "port": 1,
                    "ifindex": 3,
                    "mode": "generic",
                    "mac": "02:00:00:00:00:01",
                    "link": "up",
                    "mtu": 1500,
                    "speed_mbps": 25000,
                    "rx_queues": 2,
                    "vlan_hidden": True,
                    "local": False,
                    "sockets": [0, 1],
                    "notes": ["no native XDP: steering only"],
                }
            ],
            "workers": [
                {
                    "slot": 0,
                    "pid": 43,
                    "cpu": 1,
                    "shard": 0,
                    "stride": 1,
                    "online": True,
                    "alive": True,
                    "turn_age_ms": 2,
                }
            ],
            "guard": {"mode": "count", "block": 7, "allow": 2, "capacity": 1024},
            "injector": {
                "name": "crier-page",
                "works": True,
                "triggers": False,
                "why": "crier-dp sends\x1b[31m none",
            },
            "vias": {"total": 2, "ready": 1, "pending": 1},
            "warnings": ["worker 0 is\x1b[31m slow"],
        },
    )


@route("GET", "/v1/stats")
def _(h):
    n = h.server.looks = h.server.looks + 1
    rooms = [
        {
            "name": name,
            "listeners": len(r["members"]),
            "pkts": 50 * n,
            "due": 500 * n * k,
            "copies": 490 * n * k,
            "tx_full": 10 * n * k,
            "sweep_us": 100 * k,
            "sweep_max_us": 2000,
            "late": 0,
        }
        for k, (name, r) in enumerate(h.server.rooms.items(), 1)
    ]
    h.send(
        200,
        {
            "time_ns": time.monotonic_ns() if h.server.real_time else n * 1_000_000_000,
            "xdp": {"accepted": 50 * n, "drop_source": 7 * n, "guard_punt": 2 * n,
                    "guard_media": 3 * n, "kernel_copies": 60 * n, "kernel_tx_full": 4 * n},
            "xdp_cpus": [],
            "workers": [],
            "worker": {"copies": 490 * n, "drop_tx_full": 10 * n, "tx_kicks": 8 * n},
            "rooms": rooms,
        },
    )


def setting(h, key):
    if key not in h.server.settings:
        raise Refused(404, f"no setting {key}: crierctl get lists them")
    return dict(zip(("value", "default", "min", "max", "help"), h.server.settings[key]), key=key)


@route("GET", "/v1/settings")
def _(h):
    h.send(200, {"settings": [setting(h, key) for key in h.server.settings]})


@route("GET", "/v1/settings/NAME")
def _(h, key):
    h.send(200, setting(h, key))


@route("PUT", "/v1/settings/NAME")
def _(h, key):
    s = setting(h, key)
    value = h.json()["value"]
    if not s["min"] <= value <= s["max"]:
        raise Refused(400, f"{key} takes {s['min']} to {s['max']}")
    h.server.settings[key][0] = value
    h.send(200, setting(h, key))


def prefixes_of(h):
    prefixes = []
    for n, line in enumerate(h.body.decode().split("\n"), 1):
        line = line.split("#")[0].strip()
        if line and not PREFIX.match(line):
            raise Refused(400, f"line {n}: {line} is no ADDRESS/LENGTH", line=n)
        if line:
            prefixes.append(line)
    return prefixes


def guard_object(h):
    count = list(h.server.guard.values()).count
    return {"block": count("block"), "allow": count("allow")}


@route("GET", "/v1/guard")
def _(h):
    mode = ["off", "count", "enforce"][h.server.settings["guard_mode"][0]]
    h.send(200, {"mode": mode, **guard_object(h), "capacity": 1024})


def guard_put(h):
    action = h.query["action"]
    prefixes = prefixes_of(h)
    before = dict(h.server.guard)
    if h.command == "PUT":
        h.server.guard = {p: a for p, a in before.items() if a != action}
    for n, prefix in enumerate(prefixes, 1):
        if h.server.guard.get(prefix, action) != action:
            h.server.guard = before
            raise Refused(409, f"line {n}: {prefix} is on the other list", line=n)
        h.server.guard[prefix] = action
    added = len(h.server.guard.keys() - before.keys())
    answer = {"added": added, "existing": len(prefixes) - added}
    if h.command == "PUT":
        answer["deleted"] = len(before.keys() - h.server.guard.keys())
    h.send(200, {**answer, **guard_object(h)})


route("POST", "/v1/guard/list")(guard_put)
route("PUT", "/v1/guard/list")(guard_put)


@route("POST", "/v1/guard/list/delete")
def _(h):
    there = [p for p in prefixes_of(h) if h.server.guard.pop(p, None)]
    missing = len(prefixes_of(h)) - len(there)
    h.send(200, {"deleted": len(there), "missing": missing, **guard_object(h)})


@route("DELETE", "/v1/guard/list")
def _(h):
    before = len(h.server.guard)
    keep = {p: a for p, a in h.server.guard.items() if a != h.query.get("action", a)}
    h.server.guard = keep
    h.send(200, {"deleted": before - len(keep), **guard_object(h)})


@route("GET", "/v1/guard/list")
def _(h):
    action = h.query.get("action")
    rows = [(p, a) for p, a in h.server.guard.items() if action in (None, a)]
    if h.query.get("format") == "json":
        rows = [{"prefix": p, "action": a} for p, a in rows]
        h.chunks("application/json", [json.dumps({"prefixes": rows}).encode()])
    else:
        h.chunks("text/plain", [f"{p}\n".encode() if action else f"{a} {p}\n".encode() for p, a in rows])


@route("GET", "/v1/save")
def _(h):
    lines = [{"crier": "save", "format": 1, "abi": 1}]
    for name, room in h.server.rooms.items():
        lines.append({"room": {"name": name, "streams": room["streams"]}})
        lines += [{"listeners": {"room": name, "add": [m]}} for m in room["members"]]
    lines += [{"setting": {"key": "dscp", "value": 46}}, {"end": True}]
    h.chunks("text/plain", [json.dumps(line).encode() + b"\n" for line in lines])


@route("POST", "/v1/restore")
def _(h):
    lines = [json.loads(line) for line in h.body.splitlines()]
    if not lines or lines[0].get("crier") != "save" or lines[-1] != {"end": True}:
        raise Refused(400, "this is no whole save")
    done = {"rooms": 0, "listeners": 0, "settings": 0}
    for line in lines:
        if "room" in line:
            name = line["room"]["name"]
            if name in h.server.rooms and "merge" not in h.query:
                raise Refused(409, f"room {name} exists; ?merge=1 adds to rooms that exist")
            done["rooms"] += 1
            h.server.rooms.setdefault(
                name, {"name": name, "streams": line["room"]["streams"], "members": {}}
            )
        if "listeners" in line:
            members = h.room(line["listeners"]["room"])["members"]
            done["listeners"] += len(line["listeners"]["add"])
            members.update((m, True) for m in line["listeners"]["add"])
        done["settings"] += "setting" in line
    h.send(200, done)


@route("GET", "/v1/capture")
def _(h):
    if "room" in h.query:
        h.room(h.query["room"])
    h.server.capture_query = h.query
    count = int(h.query.get("count", 0))

    def pieces():
        # Cut across blocks, as a stream is.
        stream = SECTION + INTERFACE + b"".join(packet(n) for n in range(count or 10))
        for at in range(0, len(stream), 100):
            yield stream[at : at + 100]
        while not count and not h.server.closing:
            yield packet(0)[:50]  # half of one: the file must not have it
            time.sleep(0.1)

    h.server.lock.release()
    try:
        h.chunks("application/x-pcapng", pieces())
    except OSError:
        pass  # the client left
    finally:
        h.server.lock.acquire()


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address):
        self.address_family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.rooms, self.requests, self.answers, self.connections = {}, [], [], []
        self.settings = {key: list(value) for key, value in SETTINGS.items()}
        self.lock = threading.Lock()
        self.guard = {}
        self.capacity, self.looks, self.token = 1 << 20, 0, None
        self.real_time = self.closing = False
        self.capture_query = None
        super().__init__(address, Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def process_request(self, request, client_address):
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # a client that left in the middle is none of the tests' business

    def close(self):
        self.closing = True
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
