#!/usr/bin/env python3
"""Scripted peers: strict stand-ins for S3, Azure Blob and GCS on loopback, which play faults on request.

    peer.py gcs|s3|azure|gcsxml --port P --dir D [--bucket NAME]… [--identity]

Prints one line of JSON when it is ready: where it listens, the credentials that it takes. Objects live in memory and
end with the process (SIGTERM, or its standard input closed with --follow). What it checks and the control API under
/_peer/ are described in README.md.
"""
import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import digest
import faults
import wire
from store import Hollow, hashed


class Clock:
    """The service's time. skew moves Date and what signatures are judged by; advance moves archives and expiries too."""

    def __init__(self):
        self.skew = 0.0
        self.advance = 0.0

    def now(self):
        return time.time() + self.skew + self.advance

    def http_date(self, when=None):
        return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(self.now() if when is None else when))


class Peer:
    """The server: reads requests, asks the fault engine, lets the dialect do the work under one lock."""

    def __init__(self, dialect, clock, port):
        self.dialect, self.clock, self.port = dialect, clock, port
        self.faults = faults.Faults()
        self.lock = threading.RLock()
        self.log = []
        self.count = self.trapped = 0
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    def listen(self):
        self.socket = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}

    def accept(self):
        while True:
            sock, _ = self.socket.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        connection = wire.Connection(sock, self.hosts)
        try:
            while self.exchange(connection):
                pass
        except wire.Gone:
            pass
        except wire.Refused as refused:
            self.refuse(connection, refused)
        finally:
            sock.close()

    def refuse(self, connection, refused):
        with self.lock:
            self.note(None, refused.status, str(refused), None)
        try:
            connection.send(wire.head_bytes(wire.Answer(refused.status, [("Connection", "close")]), 0))
        except wire.Gone:
            pass

    def exchange(self, connection):
        """Takes one request and answers it; False = close the connection."""
        request = connection.head()
        if request is None:
            return False
        control = request.path.startswith("/_peer/")
        with self.lock:
            self.trapped += request.path.startswith(faults.TRAP)
            fault = None if control else self.faults.choose(request)
        if fault and fault["kind"] == "reset_request":
            request.body = connection.body(request, fault.get("at", 0))
            with self.lock:
                self.dialect.partial(request)
                self.note(request, 0, "", fault)
            connection.reset()
        if request.header("expect", "").lower() == "100-continue":
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body = connection.body(request)
        if control:
            answer = self.control(request)
            connection.send(wire.head_bytes(answer, len(answer.body)) + answer.body)
            return True
        with self.lock:
            answer = self.work(request, fault)
            if fault:
                faults.spoil(fault, answer)
            self.note(request, answer.status, answer.code, fault)
        keep = faults.transmit(fault, connection, request, answer)
        return keep and answer.header("connection") != "close" and request.header("connection") != "close"

    def work(self, request, fault):
        """Lets the dialect answer, or the fault that comes before the work."""
        kind = fault["kind"] if fault else None
        skew = self.clock.skew
        try:
            if kind == "skew":
                self.clock.skew += fault.get("seconds", 3600)
            if kind == "flip_request":
                request.body = faults.flip_within(request.body, self.dialect.flippable(request), fault.get("at", 0))
            answer = self.before(request, fault) or self.dialect.handle(request)
            if kind == "status" and fault.get("done"):
                answer = self.dialect.fault_status(request, fault)
        except wire.Refused as refused:
            answer = wire.Answer(refused.status, [("Connection", "close")], code=str(refused))
        except Exception:
            traceback.print_exc()
            answer = wire.Answer(500, [("Connection", "close")], code="PEER BUG")
        answer.set("Date", self.clock.http_date())
        if fault and "retry_after" in fault:
            answer.set("Retry-After", str(fault["retry_after"]))
        self.clock.skew = skew
        return answer

    def before(self, request, fault):
        kind = fault["kind"] if fault else None
        if kind == "status" and not fault.get("done"):
            return self.dialect.fault_status(request, fault)
        if kind == "redirect":
            target = fault.get("location", "http://169.254.169.254/latest/meta-data/")
            if target == faults.TRAP:
                target = f"http://127.0.0.1:{self.port}{target}"
            return wire.Answer(fault.get("status", 307), [("Location", target)], code="redirect")
        if kind == "expired":
            return self.dialect.fault_expired(request)
        if kind == "error_200":
            return self.dialect.fault_error_200(request)
        if kind == "stale":
            return self.dialect.fault_stale(request)
        return None

    def note(self, request, status, code, fault):
        self.count += 1
        self.log.append({"n": self.count, "method": request.method if request else "", "status": status, "code": code,
                         "path": request.path if request else "", "query": request.query_text if request else "",
                         "headers": [list(h) for h in request.headers if h[0] != "authorization"] if request else [],
                         "body_bytes": len(request.body) if request else 0, "fault": fault})
        del self.log[:-20000]

    def control(self, request):
        """The control API; every answer is JSON but an object's bytes."""
        try:
            body = json.loads(request.body) if request.body else {}
            with self.lock:
                result = self.command(request, request.method, request.path[len("/_peer/"):], body)
        except (KeyError, ValueError, TypeError) as error:
            return wire.Answer(400, body=json.dumps({"error": repr(error)}))
        if isinstance(result, bytes):
            return wire.Answer(200, body=result)
        return wire.Answer(404 if result is None else 200, body=json.dumps(result))

    def command(self, request, method, name, body):
        store = self.dialect.store
        if name == "ready":
            return {"ready": True}
        if name == "rules" and method == "POST":
            self.faults.rules = [dict(rule) for rule in body["rules"]]
            return {}
        if name == "random" and method == "POST":
            self.faults.set_plan(body if body.get("percent") else None)
            return {}
        if name == "faults":
            if method == "DELETE":
                self.faults.clear()
            return self.told()
        if name == "pause" and method == "POST":
            self.faults.paused = body["paused"]
            return {}
        if name == "log":
            log = self.log
            if method == "DELETE":
                self.log = []
            return {"requests": log}
        if name == "clock" and method == "POST":
            self.clock.skew = body.get("skew_s", self.clock.skew)
            self.clock.advance += body.get("advance_s", 0)
            return {"now": self.clock.now()}
        if name == "hosts" and method == "POST":
            self.hosts.add(body["name"])
            return {}
        if name == "settings" and method == "POST":
            self.dialect.set_options(body)
            return {}
        if name == "buckets" and method == "POST":
            store.make(body["name"], body)
            return {}
        if name == "objects" and method == "GET":
            return {"objects": [describe(o) for o in store.bucket(request.arg("bucket")).current()], **self.told()}
        if name == "object":
            return self.object(request, method, body)
        if name == "reset" and method == "POST":
            store.clear()
            self.dialect.forget()
            return {}
        return None

    def told(self):
        return {"played": self.faults.played, "total": sum(self.faults.played.values()), "trapped": self.trapped}

    def object(self, request, method, body):
        """Looks into the store behind the back of the protocol: GET bytes, POST {bucket, key, text | size | hollow} to plant one."""
        store = self.dialect.store
        if method == "GET":
            found = store.bucket(request.arg("bucket")).get(request.arg("key"))
            return found.data if found else None
        data = body["text"].encode() if "text" in body else Hollow(body["hollow"]) if "hollow" in body else bytes(i * 31 & 255 for i in range(body["size"]))
        return describe(self.dialect.plant(body["bucket"], body["key"], data, body))


def describe(found):
    if not hasattr(found, "sha256"):
        found.sha256 = digest.sha256_hex(hashed(found.data))
    return {"key": found.key, "size": len(found.data), "sha256": found.sha256, "version": str(found.version), "class": found.storage_class, "metadata": found.metadata}


def main():
    parser = argparse.ArgumentParser(description="strict stand-in for an object store")
    parser.add_argument("dialect", choices=("gcs", "s3", "azure", "gcsxml"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dir", required=True, help="where keys are kept, and peer.json is written")
    parser.add_argument("--bucket", action="append", default=[], help="bucket or container that exists from the start")
    parser.add_argument("--identity", action="store_true", help="serve the platform's identity services too, on a port of their own")
    parser.add_argument("--follow", action="store_true", help="end when standard input is closed")
    options = parser.parse_args()
    os.makedirs(options.dir, exist_ok=True)
    clock = Clock()
    module = __import__(options.dialect + "_peer")
    peer = Peer(None, clock, options.port)
    peer.listen()
    peer.dialect = module.Dialect(clock, f"http://127.0.0.1:{peer.port}", options.dir)
    for name in options.bucket or ["bucket"]:
        peer.dialect.store.make(name, {})
    ready = {"dialect": options.dialect, "endpoint": f"http://127.0.0.1:{peer.port}", "pid": os.getpid(),
             "buckets": options.bucket or ["bucket"], **peer.dialect.credentials()}
    if options.identity:
        identity = Peer(None, clock, 0)
        identity.listen()
        identity.dialect = __import__("identity_peer").DIALECTS[options.dialect](clock, f"http://127.0.0.1:{identity.port}", peer.dialect)
        ready["identity"] = {"endpoint": identity.dialect.endpoint, **identity.dialect.told()}
        threading.Thread(target=identity.accept, daemon=True).start()
    with open(os.path.join(options.dir, "peer.json.new"), "w", encoding="utf-8") as out:
        json.dump(ready, out)
    os.rename(os.path.join(options.dir, "peer.json.new"), os.path.join(options.dir, "peer.json"))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print(json.dumps(ready), flush=True)
    threading.Thread(target=peer.accept, daemon=True).start()
    if options.follow:
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(0)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
