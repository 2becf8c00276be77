"""HTTP/1.1 over plain sockets, strict about what comes in and free to send what no server should.

A request is read whole (head at most 64 KiB, body at most 256 MiB) before the dialect sees it. Whoever sends a broken
head, a body of unclear length or another Host than ours gets 400 and loses the connection, as at the real services.
"""
import socket
import struct
import urllib.parse

HEAD_MAX = 64 * 1024
BODY_MAX = 256 * 1024 * 1024


class Refused(Exception):
    """The bytes on the wire are not a request that we take."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Gone(Exception):
    """The client closed the connection, or a fault did."""


class Request:
    """One request: names of headers in lower case, query decoded in order, path as it was sent."""

    def __init__(self, method, target, headers):
        self.method = method
        self.target = target
        self.path, _, self.query_text = target.partition("?")
        self.headers = headers
        self.body = b""
        self.query = []
        for item in self.query_text.split("&") if self.query_text else []:
            name, _, value = item.partition("=")
            self.query.append((decode(name), decode(value)))

    def header(self, name, default=None):
        for key, value in self.headers:
            if key == name:
                return value
        return default

    def has(self, name):
        return any(key == name for key, _ in self.query)

    def arg(self, name, default=None):
        for key, value in self.query:
            if key == name:
                return value
        return default


class Answer:
    def __init__(self, status, headers=(), body=b"", code=""):
        self.status = status
        self.headers = list(headers)
        self.body = body.encode() if isinstance(body, str) else body
        self.code = code                      # the provider's error code, for the log

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def set(self, name, value):
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))


def decode(text):
    """Percent-decoding to UTF-8; + stays +. Refuses what is not UTF-8 or holds NUL."""
    position = text.find("%")
    while position >= 0:
        if len(text) < position + 3 or any(c not in "0123456789abcdefABCDEF" for c in text[position + 1:position + 3]):
            raise Refused(400, "malformed percent-encoding")
        position = text.find("%", position + 3)
    try:
        clear = urllib.parse.unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "not UTF-8") from None
    if "\0" in clear:
        raise Refused(400, "NUL")
    return clear


class Connection:
    """One connection of a client."""

    def __init__(self, sock, own_hosts):
        self.sock = sock
        self.own_hosts = own_hosts
        self.buffer = b""

    def fill(self):
        try:
            more = self.sock.recv(1 << 18)
        except OSError:
            raise Gone() from None
        if not more:
            raise Gone()
        self.buffer += more

    def line(self, limit):
        while b"\n" not in self.buffer:
            if len(self.buffer) > limit:
                raise Refused(431, "line too long")
            self.fill()
        line, _, self.buffer = self.buffer.partition(b"\n")
        if not line.endswith(b"\r"):
            raise Refused(400, "bare line feed")
        return line[:-1]

    def head(self):
        """Reads a request's head; None when the client is done."""
        try:
            while b"\r\n\r\n" not in self.buffer:
                if len(self.buffer) > HEAD_MAX:
                    raise Refused(431, "head too long")
                self.fill()
        except Gone:
            return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        try:
            method, target, version = lines[0].decode("ascii").split(" ")
            headers = []
            for line in lines[1:]:
                name, colon, value = line.decode("latin-1").partition(":")
                if not colon or not name or name != name.strip() or "\r" in value or "\n" in value or "\0" in value:
                    raise ValueError
                headers.append((name.lower(), value.strip(" \t")))
        except (ValueError, UnicodeDecodeError):
            raise Refused(400, "malformed head") from None
        if version != "HTTP/1.1" or not target.startswith("/"):
            raise Refused(400, "not HTTP/1.1 in origin form")
        request = Request(method, target, headers)
        names = [name for name, _ in headers]
        for name in ("host", "content-length", "transfer-encoding", "authorization", "content-type", "range"):
            if names.count(name) > 1:
                raise Refused(400, "header twice: " + name)
        # BUCKET.localhost is the virtual-host style of S3.
        if request.header("host", "").lower() not in self.own_hosts and \
                request.header("host", "").lower().partition(".")[2] not in self.own_hosts:
            raise Refused(400, "Host is not ours: " + request.header("host", "none"))
        return request

    def body(self, request, limit=None):
        """Reads the body; with a limit, only so many bytes of it (the rest stays unread)."""
        length = request.header("content-length")
        if request.header("transfer-encoding"):
            if length is not None or request.header("transfer-encoding").lower() != "chunked":
                raise Refused(400, "unclear length")
            return self.chunks()
        if length is None:
            return b""
        if not length.isdigit() or int(length) > BODY_MAX:
            raise Refused(413 if length.isdigit() else 400, "Content-Length")
        want = int(length) if limit is None else min(limit, int(length))
        pieces, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < want:
            self.fill()
            pieces.append(self.buffer)
            have += len(self.buffer)
            self.buffer = b""
        whole = b"".join(pieces)
        self.buffer = whole[want:]
        return whole[:want]

    def chunks(self):
        body = b""
        while True:
            try:
                size = int(self.line(1024).split(b";")[0], 16)
            except ValueError:
                raise Refused(400, "chunk size") from None
            if len(body) + size > BODY_MAX:
                raise Refused(413, "body")
            while len(self.buffer) < size + 2:
                self.fill()
            if self.buffer[size:size + 2] != b"\r\n":
                raise Refused(400, "chunk end")
            body += self.buffer[:size]
            self.buffer = self.buffer[size + 2:]
            if size == 0:
                return body

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone() from None

    def reset(self):
        """Ends the connection with a RST."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        raise Gone()


REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
           304: "Not Modified", 307: "Temporary Redirect", 308: "Resume Incomplete", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 411: "Length Required",
           412: "Precondition Failed", 416: "Range Not Satisfiable", 429: "Too Many Requests",
           499: "Client Closed Request", 500: "Internal Server Error", 501: "Not Implemented",
           503: "Service Unavailable"}


def head_bytes(answer, length):
    """The head of an answer; length None leaves Content-Length out."""
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() != "content-length"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
