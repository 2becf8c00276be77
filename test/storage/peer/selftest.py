"""What the self-tests of the peers share: TAP, a peer of their own as a child, requests made by hand."""
import http.client
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
_count = [0, 0]


def ok(good, title):
    _count[0] += 1
    _count[1] += not good
    print(f"{'ok' if good else 'not ok'} {_count[0]} - {title}", flush=True)


def equal(have, want, title):
    ok(have == want, title)
    if have != want:
        print(f"#   have {repr(have)[:300]}\n#   want {repr(want)[:300]}", flush=True)


def done():
    print(f"1..{_count[0]}")
    sys.exit(1 if _count[1] else 0)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {k.lower(): v for k, v in headers}, body

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode()


class Peer:
    """A peer process; it ends with us, whatever happens, because its standard input does."""

    def __init__(self, dialect, *more):
        self.dir = tempfile.TemporaryDirectory(prefix="cf-peer-")
        self.child = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "peer.py"), dialect, "--dir", self.dir.name, "--follow", *more],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.info = json.loads(self.child.stdout.readline())
        self.endpoint = self.info["endpoint"]
        self.host = urllib.parse.urlsplit(self.endpoint).netloc

    def send(self, method, target, body=b"", headers=()):
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, timeout=20)
        connection.putrequest(method, target, skip_accept_encoding=True)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            connection.putheader(name, value)
        if "content-length" not in names and (body or method in ("PUT", "POST", "PATCH")):
            connection.putheader("Content-Length", str(len(body)))
        try:
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return Response(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def control(self, method, name, fields=None):
        answer = self.send(method, "/_peer/" + name, json.dumps(fields).encode() if fields is not None else b"")
        return answer.json()

    def rule(self, fault, **match):
        self.control("POST", "rules", {"rules": [{"match": match, "fault": fault}]})

    def end(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()
        self.dir.cleanup()
