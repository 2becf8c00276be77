"""The fault engine: which request gets which fault, and how the answer is spoilt on the wire.

A rule is {"match": {"method": "PUT", "path": regex, "query": regex, "nth": 3}, "fault": {"kind": …}, "times": 1}. It
counts the requests that it matches; nth (from 1) says at which it begins, times for how many it lasts (0 = for
ever). A plan is {"seed": 7, "percent": 30, "kinds": […], "max": 500}: the fault of the n-th request after it was
posted depends on seed and n alone.

Faults before the work (the request changes nothing, unless "done" is set): status, reset_request, redirect, expired,
error_200, skew, stale, flip_request. Faults after it: lost, reset, truncate, dribble, flip_bit, wrong_etag,
huge_header, garbage, mutate, noise, duplicate_continue.
"""
import random
import re
import time

import wire

STATUS_CHOICES = (500, 502, 503, 503, 429, 408, 504)
GARBAGE = (b"", b"<", b"{", b"\x00" * 64, b"\xff\xfe<\x00", b"<!DOCTYPE a [<!ENTITY b \"&c;\">]><a>&b;</a>",
           b"<a>" * 4000, b"[" * 4000, b"{\"items\":[{\"name\":" * 400, b"{\"items\": 7, \"generation\": {}}", b"null",
           b"[]", b"{\"generation\":\"99999999999999999999999999\",\"size\":\"-1\",\"name\":7}",
           b"<ListBucketResult><Contents><Size>-99999999999999999999</Size></Contents></ListBucketResult>",
           b"<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs><NextMarker>" + b"x" * 9000 +
           b"</NextMarker></EnumerationResults>", b"<Error><Code>" + b"A" * 70000 + b"</Code></Error>",
           b"<html><body>proxy login</body></html>")
NOISE = (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
         b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello",
         b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
         b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
         b"HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n0123456789", b"HTTP/1.1 101 Switching\r\n\r\n",
         b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n",
         b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 9-1/3\r\nContent-Length: 3\r\n\r\nabc",
         b"HTTP/1.1 308 Resume Incomplete\r\nRange: bytes=0-99999999999999\r\nContent-Length: 0\r\n\r\n")
KINDS = ("status", "status_done", "lost", "reset", "reset_request", "truncate", "dribble", "error_200",
         "duplicate_continue", "wrong_etag", "stale", "flip_bit", "flip_request", "redirect", "huge_header", "garbage",
         "mutate", "noise", "expired", "skew")

TRAP = "/_trap/"                              # nobody comes here who does not follow redirects blindly


class Faults:
    def __init__(self):
        self.clear()

    def clear(self):
        self.rules, self.plan, self.counted, self.played, self.paused = [], None, 0, {}, False

    def set_plan(self, plan):
        self.plan, self.counted = plan, 0

    def choose(self, request):
        """The fault of this request, None for none."""
        if self.paused:
            return None
        fault = None
        for rule in self.rules:
            if matches(rule.get("match", {}), request):
                rule["seen"] = rule.get("seen", 0) + 1
                first, times = rule.get("match", {}).get("nth", 1), rule.get("times", 1)
                if fault is None and rule["seen"] >= first and (times == 0 or rule["seen"] < first + times):
                    fault = dict(rule["fault"])
        if fault is None and self.plan:
            fault = self.draw()
        if fault:
            self.played[fault["kind"]] = self.played.get(fault["kind"], 0) + 1
        return fault

    def draw(self):
        plan = self.plan
        self.counted += 1
        if plan.get("max") and sum(self.played.values()) >= plan["max"]:
            return None
        rng = random.Random(f"{plan['seed']}:{self.counted}")
        if rng.random() * 100 >= plan.get("percent", 30):
            return None
        fault = {"kind": rng.choice(plan.get("kinds", KINDS)), "at": rng.randrange(1 << rng.randrange(1, 20)),
                 "seed": rng.randrange(1 << 30)}
        if fault["kind"] == "status_done":
            fault.update(kind="status", done=True)
        if fault["kind"] == "status":
            fault["status"] = rng.choice(STATUS_CHOICES)
            if rng.random() < 0.3:
                fault["retry_after"] = 0
        if fault["kind"] == "redirect" and rng.random() < 0.5:
            fault["location"] = TRAP
        if fault["kind"] == "skew":
            fault["seconds"] = rng.choice((-3600, 3600))
        if fault["kind"] == "huge_header":
            fault["bytes"] = 1 << 20
        return fault


def matches(match, request):
    return (match.get("method", request.method) == request.method
            and re.search(match.get("path", ""), request.path) is not None
            and re.search(match.get("query", ""), request.query_text) is not None)


def flip(data, at):
    """data with one bit turned."""
    if not data:
        return data
    spoilt = bytearray(data)
    spoilt[at % len(spoilt)] ^= 1 << (at % 8)
    return bytes(spoilt)


def flip_within(data, span, at):
    """data with one bit turned between two positions; as it is when there is nothing between them."""
    first, last = span
    return data[:first] + flip(data[first:last], at) + data[last:]


def mutate(data, seed):
    """data with a few pieces removed, doubled or overwritten."""
    rng, data = random.Random(seed), bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        a = rng.randrange(len(data) + 1)
        b = min(len(data), a + rng.randrange(1, 40))
        what = rng.randrange(4)
        if what == 0:
            del data[a:b]
        elif what == 1:
            data[a:a] = data[a:b] * rng.randrange(1, 5)
        elif what == 2:
            data[a:b] = rng.randbytes(b - a)
        else:
            data[a:b] = rng.choice((b"-1", b"99999999999999999999", b"%00", b"&#0;", b"\"", b"</", b"\\u0000", b"null"))
    return bytes(data)


def spoil(fault, answer):
    """Changes what the answer says; how it is sent is transmit()'s affair."""
    kind = fault["kind"]
    if kind == "flip_bit":
        answer.body = flip(answer.body, fault.get("at", 0))
    elif kind == "wrong_etag":
        etag = answer.header("etag")
        if etag:
            wrong = re.sub(r"[0-9A-Fa-f]", lambda m: "%X" % (int(m[0], 16) ^ 1), etag, count=1)
            answer.set("ETag", wrong)
            answer.body = answer.body.replace(etag.strip('"').encode(), wrong.strip('"').encode())
    elif kind == "garbage":
        answer.body = fault["text"].encode() if "text" in fault else GARBAGE[fault.get("at", 0) % len(GARBAGE)]
    elif kind == "mutate":
        answer.body = mutate(answer.body, fault.get("seed", 0))


def transmit(fault, connection, request, answer):
    """Sends an answer the way the fault wants it; returns whether the connection may be kept."""
    kind = fault["kind"] if fault else None
    if kind == "lost":
        return False
    if kind == "noise":
        connection.send(NOISE[fault.get("at", 0) % len(NOISE)])
        return False
    if kind == "duplicate_continue":
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 2)
    bodyless = request.method == "HEAD" or answer.status in (204, 304)
    length = answer.header("content-length") if request.method == "HEAD" else str(len(answer.body))
    head = wire.head_bytes(answer, None if answer.status in (204, 304) else length or "0")
    data = head + (b"" if bodyless else answer.body)
    if kind == "huge_header":
        return flood(connection, head, fault.get("bytes", 1 << 30))
    if kind == "reset":
        connection.send(data[:fault.get("at", 0) % (len(data) or 1)])
        connection.reset()
    if kind == "truncate":
        connection.send(head + answer.body[:fault.get("at", 0) % (len(answer.body) or 1)])
        return False
    if kind == "dribble":
        pieces, pause = fault.get("pieces", 20), fault.get("pause_ms", 2) / 1000
        step = max(1, len(data) // pieces)
        for start in range(0, len(data), step):
            connection.send(data[start:start + step])
            time.sleep(pause)
        return True
    connection.send(data)
    return True


def flood(connection, head, size):
    """Sends a header without end, as long as the client listens."""
    connection.send(head[:head.index(b"\r\n") + 2] + b"X-Filler: ")
    block = b"a" * 65536
    while size > 0:
        connection.send(block)
        size -= len(block)
    connection.send(b"\r\n" + head[head.index(b"\r\n") + 2:])
    return False
