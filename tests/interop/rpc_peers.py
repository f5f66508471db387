# SPDX-License-Identifier: MIT
"""ONC RPC with socket and struct, which several tests speak; and what test_rpc_peers.py is made of: a capture of the loopback, and a place for rpcbind."""
import contextlib
import ctypes
import fcntl
import os
import pwd
import select
import shutil
import socket
import struct
import time

from tap import DEADLINE_S, Skip, check, check_equal, libc

ROOT = os.environ.get("LEAT_SOURCE_ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
UNPACKED = os.path.join(ROOT, "build/unpacked/rpcbind")
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

NETWORK_AT_START = os.readlink("/proc/self/ns/net")

# ---- ONC RPC (RFC 5531) ----

RPCBIND, COMPANION = 100000, 0x204c4541  # programs
NONE = struct.pack(">II", 0, 0)


def pack_opaque(data):
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def auth_sys(uid):
    return struct.pack(">I", 1) + pack_opaque(struct.pack(">I", 7) + pack_opaque(b"host") + struct.pack(">IIII", uid, 5, 1, 6))


def call_message(xid, program, version, procedure, arguments=b"", credential=NONE, verifier=NONE, rpc_version=2, kind=0):
    return struct.pack(">IIIIII", xid, kind, rpc_version, program, version, procedure) + credential + verifier + arguments


def accepted(xid, status, body=b""):
    """What a server answers that speaks by the rules, byte for byte."""
    return struct.pack(">III", xid, 1, 0) + NONE + struct.pack(">I", status) + body


def denied(xid, *words):
    return struct.pack(f">III{len(words)}I", xid, 1, 1, *words)


def record(message, fragment=None):
    """Record marking, section 11: in one fragment, or in many of that size."""
    if not fragment:
        return struct.pack(">I", len(message) | 1 << 31) + message
    pieces = [message[i:i + fragment] for i in range(0, len(message), fragment)]
    return b"".join(struct.pack(">I", len(piece) | (1 << 31 if i == len(pieces) - 1 else 0)) + piece for i, piece in enumerate(pieces))


def exactly(stream, size):
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise ConnectionError(f"the connection ended after {data!r:.100}")
        data += more
    return data


def read_record(stream):
    message, mark = b"", 0
    while not mark >> 31:
        mark = struct.unpack(">I", exactly(stream, 4))[0]
        message += exactly(stream, mark & 0x7fffffff)
    return message


class Connection:
    """One socket of tcp, udp or unix to a server: ("tcp", port), ("udp", port), ("unix", path)."""

    def __init__(self, kind, where):
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        self.is_stream = kind != "udp"
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(where if kind == "unix" else ("127.0.0.1", where))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, message, fragment=None):
        self.socket.sendall(record(message, fragment) if self.is_stream else message)

    def receive(self):
        return read_record(self.socket) if self.is_stream else self.socket.recv(65536)

    def ask(self, message, fragment=None):
        self.send(message, fragment)
        return self.receive()

    def call(self, xid, *what, **more):
        """The result of one that succeeds."""
        reply, head = self.ask(call_message(xid, *what, **more)), accepted(xid, 0)
        check_equal(reply[:len(head)], head, "the head of a reply")
        return reply[len(head):]


# ---- a capture of the loopback ----


class Capture:
    """Of all that goes over the loopback from here on. The kernel keeps it until it is written, as a file of pcap, which tshark reads."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.bind(("lo", 0))
        self.socket.setblocking(False)

    def write(self, path):
        """How many packets there are. Each comes twice, outgoing (4) and incoming."""
        count = 0
        with self.socket, open(path, "wb") as file:
            file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 1))
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet, address = self.socket.recvfrom(1 << 18)
                    if address[2] != 4:
                        file.write(struct.pack("=IIII", count // 1000000, count % 1000000, len(packet), len(packet)) + packet)
                        count += 1
            dropped = struct.unpack("II", self.socket.getsockopt(263, 6, 8))[1]  # SOL_PACKET, PACKET_STATISTICS
            check_equal(dropped, 0, "packets that the capture has lost")
        return count


# ---- a place for rpcbind ----


def program_of_rpcbind(name):
    """Installed, or unpacked below build/."""
    for folder in ("", UNPACKED):
        for place in ("/sbin", "/usr/sbin", "/usr/bin"):
            if os.access(folder + os.path.join(place, name), os.X_OK):
                return folder + os.path.join(place, name)
    raise Skip(f"{name} is neither installed nor unpacked: scripts/install-packages check")


def mount(source, target, kind, flags):
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


def own_run(directory):
    """From here on /run is this process's, and there is the user that rpcbind becomes. Ports are its own already (tap.main)."""
    if os.readlink("/proc/self/ns/net") == NETWORK_AT_START or libc.unshare(CLONE_NEWNS) < 0:
        raise Skip("a name space of its own is not permitted to this user")
    mount(b"none", b"/", None, MS_REC | MS_PRIVATE)
    mount(b"run", b"/run", b"tmpfs", 0)
    os.mkdir("/run/rpcbind")
    with contextlib.suppress(KeyError):
        pwd.getpwnam("_rpc")
        shutil.chown("/run/rpcbind", "_rpc")
        return
    users = shutil.copy("/etc/passwd", os.path.join(directory, "passwd"))
    with open(users, "a", encoding="ascii") as file:
        file.write("_rpc:x:65533:65534::/run/rpcbind:/usr/sbin/nologin\n")
    mount(users.encode(), b"/etc/passwd", None, MS_BIND)
    os.chown("/run/rpcbind", 65533, 65534)


def be_at(address):
    """This host has another address too, in its own network: who calls by it is no neighbour on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # SIOCSIFADDR
        fcntl.ioctl(any_socket, 0x8916, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address)))


# ---- servers that a test plays itself ----


def head_of(message):
    xid, _, _, program, version, procedure = struct.unpack(">IIIIII", message[:24])
    return xid, program, version, procedure, message[40:]


def port_mapper(versions, procedures, ports, bodies=None):
    """What one answers that has these versions and procedures, and these (program, version, protocol): port."""
    def answer(message):
        xid, program, version, procedure, arguments = head_of(message)
        if program != RPCBIND:
            return accepted(xid, 1)
        if version not in versions:
            return accepted(xid, 2, struct.pack(">II", min(versions), max(versions)))
        if procedure not in procedures:
            return accepted(xid, 3)
        if procedure == 0:
            return accepted(xid, 0)
        if bodies is not None:
            return accepted(xid, 0, bodies)
        if procedure == 3:
            return accepted(xid, 0, struct.pack(">I", ports.get(struct.unpack(">III", arguments[:12]), 0)))
        if procedure == 4:
            return accepted(xid, 0, b"".join(struct.pack(">IIIII", 1, *key, port) for key, port in ports.items()) + bytes(4))
        key, port = struct.unpack(">III", arguments[:12]), struct.unpack(">I", arguments[12:16])[0]
        done = key not in ports if procedure == 1 else any(key[:2] == other[:2] for other in ports)
        if procedure == 1 and done:
            ports[key] = port
        for other in [other for other in ports if procedure == 2 and other[:2] == key[:2]]:
            del ports[other]
        return accepted(xid, 0, struct.pack(">I", done))

    return answer


class Played:
    """A server in this process, at a port of TCP: `answer(call)` makes of each message the reply, or None. Run while a program talks to it."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp:127.0.0.1:{self.listener.getsockname()[1]}"
        self.asked = []

    def serve(self, program):
        """Until the program has ended: its status, and what it said."""
        connections = {}
        limit = time.monotonic() + DEADLINE_S
        ends = os.pidfd_open(program.pid)
        with self.listener, contextlib.ExitStack() as opened, os.fdopen(ends, closefd=True):
            while True:
                left = limit - time.monotonic()
                ready = select.select([ends, self.listener, *connections], [], [], max(left, 0))[0]
                check(ready, f"{program.args} did not end")
                if ready == [ends]:
                    break
                for one in ready:
                    if one is self.listener:
                        connections[opened.enter_context(self.listener.accept()[0])] = b""
                    elif one is not ends:
                        self.take(one, connections)
        out, err = program.communicate(timeout=DEADLINE_S)
        return program.returncode, out.decode(), err.decode()

    def take(self, connection, connections):
        with contextlib.suppress(ConnectionError):
            data = connection.recv(65536)
            if not data:
                del connections[connection]
                return
            connections[connection] += data
            while len(connections[connection]) >= 4:
                size = struct.unpack(">I", connections[connection][:4])[0] & 0x7fffffff
                if len(connections[connection]) < 4 + size:
                    return
                message, connections[connection] = connections[connection][4:4 + size], connections[connection][4 + size:]
                self.asked.append(struct.unpack(">III", message[12:24]))
                reply = self.answer(message)
                if reply is not None:
                    connection.sendall(reply if isinstance(reply, Raw) else record(reply))


class Raw(bytes):
    """A reply that is no record of one fragment: what is sent as it is."""
