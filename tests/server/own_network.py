"""Runs a command in a network of its own, where each address leads to a listener that stands for the internet.

    unshare --net python -m tests.server.own_network LOG COMMAND...

`tests/server/test_own_network.py` starts it. The lines of LOG name each packet that asked for another address than that
of this machine, and each request that the listener got. The exit status is that of the command.
"""

import http.server
import socket
import struct
import subprocess
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

ROUTES = (
    ("ip", "link", "set", "lo", "up"),
    ("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo"),
    ("ip", "-6", "route", "add", "local", "::/0", "dev", "lo"),
)
INTERNET = "93.184.216.34"
"""The address of each name."""
PAGE = b"<html><body><h1>The pier</h1><p>The pier was painted green.</p><img src='/picture.png'></body></html>"
ETHERNET_BYTES = 14
EVERY_PROTOCOL, IPV4, IPV6 = 0x0003, 0x0800, 0x86DD
SYN, ACK, TCP, UDP, DNS_PORT = 0x02, 0x10, 6, 17, 53


class Log:
    """A file of lines, written by two threads."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()

    def add(self, line: str) -> None:
        with self._lock, self._path.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")


def asked_address(frame: bytes) -> str | None:
    """Return the foreign address and port that a packet asks for, None if it only answers or stays on this machine.

    A question for a name counts, wherever the server of names is.
    """
    kind, packet = struct.unpack_from("!H", frame, 12)[0], frame[ETHERNET_BYTES:]
    if kind == IPV4:
        protocol, address, rest = packet[9], ip_address(packet[16:20]), packet[(packet[0] & 15) * 4 :]
    elif kind == IPV6:
        protocol, address, rest = packet[6], ip_address(packet[24:40]), packet[40:]
    else:
        return None
    if protocol not in (TCP, UDP):
        return None
    own_port, port = struct.unpack_from("!HH", rest)
    opens = own_port != DNS_PORT if protocol == UDP else rest[13] & (SYN | ACK) == SYN
    is_foreign = not address.is_loopback or (protocol == UDP and port == DNS_PORT)
    if not opens or not is_foreign:
        return None
    if port == DNS_PORT and protocol == UDP:
        return f"for the name {name_in(rest[20:])}"
    return f"to {address} {port}"


def name_in(question: bytes) -> str:
    """Return the name that a query of DNS asks for, from its first byte on."""
    labels = []
    while question[0]:
        labels.append(question[1 : 1 + question[0]].decode("ascii", "replace"))
        question = question[1 + question[0] :]
    return ".".join(labels)


def watch(log: Log) -> None:
    """Note what the packets of this network ask for, until the process ends."""
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sniffer.bind(("lo", 0))

    def note() -> None:
        while True:
            frame, place = sniffer.recvfrom(256)
            if place[2] != socket.PACKET_OUTGOING and (address := asked_address(frame)):  # each comes twice
                log.add(f"packet {address}")

    threading.Thread(target=note, daemon=True).start()


def listen(log: Log) -> None:
    """Answer each request on port 80, of whatever address, with a page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            log.add(f"request {self.path}")
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, form: str, *values: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("", 80), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def resolve_names() -> None:
    """Answer each question for a name with one address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", DNS_PORT))

    def answer() -> None:
        while True:
            query, client = server.recvfrom(4_096)
            end = query.index(b"\0", 12) + 5  # of the name, the type and the class
            is_ipv4 = query[end - 4 : end - 2] == b"\0\1"
            counts = struct.pack("!HHHHH", 0x8180, 1, is_ipv4, 0, 0)
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + ip_address(INTERNET).packed
            server.sendto(query[:2] + counts + query[12:end] + record * is_ipv4, client)

    threading.Thread(target=answer, daemon=True).start()


def main() -> None:
    """Set up the network, then run the command in it."""
    for command in ROUTES:
        subprocess.run(command, check=True)
    log = Log(Path(sys.argv[1]))
    watch(log)
    listen(log)
    resolve_names()
    sys.exit(subprocess.run(sys.argv[2:], check=False).returncode)


if __name__ == "__main__":
    main()
