"""Self-test of the GCS peer: a client made by hand, and what it must not get away with."""
import base64
import gzip
import hashlib
import http.client
import json
import os
import subprocess
import tempfile
import time
import urllib.parse

import digest
from selftest import Peer, done, equal, ok

READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
peer = Peer("gcs")
KEY = os.path.join(peer.dir.name, "key.pem")


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(data, key):
    """RS256 by the openssl command, which has nothing in common with the peer's own arithmetic."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", key, file.name], check=True, capture_output=True).stdout


def token(key=KEY, **changes):
    now = int(time.time())
    claims = {"iss": peer.info["client_email"], "scope": READ_WRITE, "aud": peer.info["token_uri"], "iat": now, "exp": now + 3600}
    claims.update(changes)
    text = b64url(b'{"alg":"RS256","typ":"JWT"}') + "." + b64url(json.dumps(claims).encode())
    assertion = text + "." + b64url(sign(text.encode(), key))
    body = urllib.parse.urlencode({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion})
    return peer.send("POST", "/token", body.encode(), [("Content-Type", "application/x-www-form-urlencoded")])


def call(method, target, body=b"", headers=(), bearer=None):
    return peer.send(method, target, body, [("Authorization", "Bearer " + (bearer or TOKEN)), *headers])


def jcall(method, target, fields, headers=()):
    return call(method, target, json.dumps(fields).encode(), [("Content-Type", "application/json"), *headers])


def upload(name, data, query="&ifGenerationMatch=0", **fields):
    body = b"--b\r\nContent-Type: application/json\r\n\r\n" + json.dumps({"name": name, **fields}).encode() + \
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + data + b"\r\n--b--\r\n"
    return call("POST", "/upload/storage/v1/b/bucket/o?uploadType=multipart" + query, body,
                [("Content-Type", "multipart/related; boundary=b")])


def reason(answer):
    return answer.status, answer.json()["error"]["errors"][0]["reason"]


# Tokens
good = token()
equal(good.status, 200, "a signed JWT is exchanged for a token")
TOKEN = good.json()["access_token"]
other = os.path.join(peer.dir.name, "other.pem")
subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", other], check=True, stderr=subprocess.DEVNULL)
equal(token(key=other).json()["error_description"], "Invalid JWT Signature.", "another key's signature is refused")
equal(token(aud="https://elsewhere/token").status, 400, "another audience is refused")
equal(token(exp=int(time.time()) - 10, iat=int(time.time()) - 3000).status, 400, "an expired JWT is refused")
equal(token(exp=int(time.time()) + 7200).status, 400, "one that lives for two hours is refused")
equal(token(scope="https://www.googleapis.com/auth/drive").json()["error"], "invalid_scope", "another scope is refused")
equal(reason(call("GET", "/storage/v1/b/bucket/o", bearer="made-up")), (401, "authError"), "a token that was never issued is refused")
equal(peer.send("GET", "/storage/v1/b/bucket/o").status, 401, "none too")
reader = token(scope="https://www.googleapis.com/auth/devstorage.read_only").json()["access_token"]
equal(call("DELETE", "/storage/v1/b/bucket/o/a", bearer=reader).status, 403, "a reader does not delete")

# Uploads and digests
text = b"hello, world"
first = upload("a", text, crc32c=digest.crc32c_b64(text), md5Hash=digest.md5_b64(text), metadata={"cf_a": "1"})
equal(first.status, 200, "an object is created")
generation = first.json()["generation"]
equal(first.json()["crc32c"], digest.crc32c_b64(text), "its crc32c is told")
equal(reason(upload("a", text)), (412, "conditionNotMet"), "a second create is refused")
equal(reason(upload("b", text, crc32c=digest.crc32c_b64(b"x"))), (400, "invalid"), "a wrong crc32c is refused")
equal(reason(upload("b", text, md5Hash=digest.md5_b64(b"x"))), (400, "invalid"), "a wrong md5Hash is refused")
equal(call("POST", "/upload/storage/v1/b/bucket/o?uploadType=media&name=b", text, [("x-goog-hash", "crc32c=AAAAAA==")]).status, 400,
      "a wrong x-goog-hash is refused")
equal(call("GET", "/storage/v1/b/bucket/o/b").status, 404, "and nothing stays")
equal(upload("b", text, storageClass="WARM").status, 400, "an unknown class is refused")
equal(upload("b", text, colour="red").status, 501, "an unknown field is not passed over")
equal(call("GET", "/storage/v1/b/bucket/o?frob=1").status, 501, "nor an unknown parameter")
equal(upload("b", text, metadata={"m": "x" * 8200}).status, 400, "metadata beyond 8 KiB is refused")

# Reading
equal(sorted(call("GET", "/storage/v1/b/bucket/o/a?fields=crc32c,md5Hash,size").json()), ["crc32c", "md5Hash", "size"], "a partial answer has the fields that are asked for")
equal(call("GET", "/storage/v1/b/bucket/o/a?alt=media", headers=[("Range", "bytes=7-11")]).body, b"world", "a range is read")
equal(call("GET", "/storage/v1/b/bucket/o/a?alt=media", headers=[("Range", "bytes=12-")]).status, 416, "one beyond the end is refused")
equal(call("GET", f"/storage/v1/b/bucket/o/a?alt=media&ifGenerationMatch={generation}").status, 200, "the pinned generation is read")
equal(call("GET", "/storage/v1/b/bucket/o/a?alt=media&ifGenerationMatch=5").status, 412, "another is refused")
equal(call("GET", f"/storage/v1/b/bucket/o/a?alt=media&ifGenerationNotMatch={generation}").status, 304, "304 for one that is known")
equal(call("GET", "/storage/v1/b/bucket/o/a?alt=media&generation=5").status, 404, "a generation that never was is not found")
upload("z", gzip.compress(text), contentEncoding="gzip")
equal(call("GET", "/storage/v1/b/bucket/o/z?alt=media").body, text, "gzip is undone for who does not take it")
equal(call("GET", "/storage/v1/b/bucket/o/z?alt=media", headers=[("Accept-Encoding", "gzip")]).body, gzip.compress(text), "and left for who does")

# Resumable
START = "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=r&ifGenerationMatch=0"
data = bytes(range(256)) * 4096
start = jcall("POST", START, {"crc32c": digest.crc32c_b64(data)}, [("X-Upload-Content-Length", str(len(data)))])
where = start.headers["location"].partition(peer.host)[2]
put = lambda body, span: peer.send("PUT", where, body, [("Content-Range", span)])
answer = put(b"", f"bytes */{len(data)}")
equal((answer.status, answer.headers.get("range")), (308, None), "a fresh session holds nothing")
equal(put(data[:1000], f"bytes 0-999/{len(data)}").status, 400, "a chunk that is no multiple of 256 KiB is refused")
answer = put(data[:524288], f"bytes 0-524287/{len(data)}")
equal((answer.status, answer.headers["range"]), (308, "bytes=0-524287"), "a chunk is acknowledged")
equal(put(data[786432:], f"bytes 786432-1048575/{len(data)}").status, 400, "a gap is refused")
equal(put(b"", "bytes */999999999").status, 400, "another total size is refused")
equal(call("GET", "/storage/v1/b/bucket/o/r").status, 404, "the object does not show before its last chunk")
answer = put(data[262144:], f"bytes 262144-1048575/{len(data)}")
equal((answer.status, answer.json()["size"]), (200, "1048576"), "bytes sent twice are passed over, and the object is there")
equal(put(b"", f"bytes */{len(data)}").json()["generation"], answer.json()["generation"], "the session goes on telling its object")
equal(call("GET", "/storage/v1/b/bucket/o/r?alt=media").body, data, "with its bytes")
equal(jcall("POST", START, {}).status, 412, "a session onto an occupied name is refused")
start = jcall("POST", START.replace("name=r", "name=s"), {"crc32c": digest.crc32c_b64(b"other")})
where = start.headers["location"].partition(peer.host)[2]
equal(put(data, f"bytes 0-1048575/{len(data)}").status, 400, "a session whose digest is wrong makes no object")
equal(call("GET", "/storage/v1/b/bucket/o/s").status, 404, "none")
start = jcall("POST", START.replace("name=r", "name=t"), {})
where = start.headers["location"].partition(peer.host)[2]
upload("t", text)
equal(put(data, f"bytes 0-1048575/{len(data)}").status, 412, "the precondition is judged again when the object appears")
start = jcall("POST", START.replace("name=r", "name=u"), {})
where = start.headers["location"].partition(peer.host)[2]
equal(peer.send("DELETE", where).status, 499, "a session is cancelled")
equal(put(data, f"bytes 0-1048575/{len(data)}").status, 499, "and takes nothing any more")

# Compose, rewrite, patch, delete
parts = [upload(f"p{i}", bytes([i]) * 10).json() for i in range(3)]
source = [{"name": p["name"], "objectPreconditions": {"ifGenerationMatch": p["generation"]}} for p in parts]
answer = jcall("POST", "/storage/v1/b/bucket/o/whole/compose?ifGenerationMatch=0", {"sourceObjects": source, "destination": {}})
equal((answer.json()["size"], answer.json()["componentCount"], "md5Hash" in answer.json()), ("30", 3, False), "parts are composed, without an MD5")
equal(answer.json()["crc32c"], digest.crc32c_b64(call("GET", "/storage/v1/b/bucket/o/whole?alt=media").body), "with the CRC32C of their bytes")
source[1]["objectPreconditions"]["ifGenerationMatch"] = "7"
equal(jcall("POST", "/storage/v1/b/bucket/o/w2/compose", {"sourceObjects": source}).status, 412, "a part of another generation is refused")
equal(jcall("POST", "/storage/v1/b/bucket/o/w2/compose", {"sourceObjects": source[:1] * 33}).status, 400, "33 parts are refused")
peer.control("POST", "settings", {"rewrite_bytes_per_call": 1 << 19})
REWRITE = "/storage/v1/b/bucket/o/r/rewriteTo/b/bucket/o/r2?ifGenerationMatch=0"
answer = jcall("POST", REWRITE, {"storageClass": "COLDLINE"}).json()
equal((answer["done"], answer["totalBytesRewritten"]), (False, "524288"), "a rewrite goes in several calls")
equal(jcall("POST", REWRITE + "&rewriteToken=" + answer["rewriteToken"], {"storageClass": "NEARLINE"}).status, 400, "its token is bound to the request")
answer = jcall("POST", REWRITE + "&rewriteToken=" + answer["rewriteToken"], {"storageClass": "COLDLINE"}).json()
equal((answer["done"], answer["resource"]["storageClass"]), (True, "COLDLINE"), "and ends with the object in its class")
equal(jcall("POST", REWRITE.replace("r2?", "r3?") + "&ifSourceGenerationMatch=5", {}).status, 412, "a source of another generation is refused")
equal(jcall("PATCH", "/storage/v1/b/bucket/o/a?ifMetagenerationMatch=2", {"metadata": {"x": "y"}}).status, 412, "a patch honours the metageneration")
answer = jcall("PATCH", "/storage/v1/b/bucket/o/a?ifMetagenerationMatch=1", {"metadata": {"x": "y"}}).json()
equal((answer["metadata"], answer["metageneration"], answer["generation"]), ({"cf_a": "1", "x": "y"}, "2", generation), "and counts it up")
equal(call("DELETE", "/storage/v1/b/bucket/o/a?ifGenerationMatch=5").status, 412, "another generation is not deleted")
equal(call("DELETE", f"/storage/v1/b/bucket/o/a?ifGenerationMatch={generation}").status, 204, "the pinned one is")
equal(call("DELETE", f"/storage/v1/b/bucket/o/a?ifGenerationMatch={generation}").status, 404, "and then it is not there")

# Listing
for i, name in enumerate(("l/b", "l/a", "l/é", "l/z", "l/d/1", "l/d/2")):
    upload(name, text)
names, page = [], ""
while page is not None:
    answer = call("GET", "/storage/v1/b/bucket/o?prefix=l/&maxResults=2" + page).json()
    names += [item["name"] for item in answer.get("items", [])]
    page = "&pageToken=" + answer["nextPageToken"] if "nextPageToken" in answer else None
equal(names, ["l/a", "l/b", "l/d/1", "l/d/2", "l/z", "l/é"], "a listing goes page by page in the order of bytes")
answer = call("GET", "/storage/v1/b/bucket/o?prefix=l/&delimiter=/").json()
equal((answer["prefixes"], len(answer["items"])), (["l/d/"], 4), "a delimiter folds")


# Signed URLs
def signed_url(key, life, tamper=""):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{date[:8]}/auto/storage/goog4_request"
    query = {"X-Goog-Algorithm": "GOOG4-RSA-SHA256", "X-Goog-Credential": f"{peer.info['client_email']}/{scope}",
             "X-Goog-Date": date, "X-Goog-Expires": str(life), "X-Goog-SignedHeaders": "host"}
    text = "&".join(f"{n}={urllib.parse.quote(v, safe='-_.~')}" for n, v in sorted(query.items()))
    canonical = f"GET\n/bucket/r\n{text}\nhost:{peer.host}\n\nhost\nUNSIGNED-PAYLOAD"
    whole = f"GOOG4-RSA-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return f"/bucket/r?{text}&X-Goog-Signature={sign(whole.encode(), key).hex()}{tamper}"


equal(peer.send("GET", signed_url(KEY, 60)).body, data, "a signed URL reads")
equal(peer.send("GET", signed_url(other, 60)).status, 403, "one of another key does not")
equal(peer.send("GET", signed_url(KEY, 60, "&x=1")).status, 403, "nor one that was added to")

# Faults
peer.control("DELETE", "log")
peer.rule({"kind": "status", "status": 503, "retry_after": 1}, method="GET", nth=2)
R = "/storage/v1/b/bucket/o/r"
equal([call("GET", R).status for _ in range(3)], [200, 503, 200], "a rule plays at the request that it names")
peer.rule({"kind": "flip_bit", "at": 5}, path="/o/r")
body = call("GET", R + "?alt=media").body
equal(sum(bin(a ^ b).count("1") for a, b in zip(body, data)), 1, "one bit is turned")
peer.rule({"kind": "expired"})
equal(call("GET", R).status, 401, "a token expires")
equal(call("GET", R).status, 401, "and stays so")
TOKEN = token().json()["access_token"]
peer.rule({"kind": "lost"}, method="POST")
try:
    upload("lost", text)
    ok(False, "an answer is lost")
except (http.client.HTTPException, OSError):
    ok(call("GET", "/storage/v1/b/bucket/o/lost").status == 200, "an answer is lost, the work is done")
peer.rule({"kind": "truncate", "at": 10}, method="GET")
try:
    call("GET", R + "?alt=media")
    ok(False, "a body is cut short of its length")
except http.client.IncompleteRead as error:
    equal(len(error.partial), 10, "a body is cut short of its length")
peer.rule({"kind": "stale"}, method="GET")
equal(call("GET", "/storage/v1/b/bucket/o/lost").status, 404, "an answer may be from before")
equal(call("GET", "/storage/v1/b/bucket/o/lost").status, 200, "once")
peer.rule({"kind": "flip_request", "at": 300}, method="POST")
data = b"x" * 1000
equal(upload("flipped", data, crc32c=digest.crc32c_b64(data)).status, 400, "a bit turned on the way is found by the digest")
peer.control("POST", "random", {"seed": 1, "percent": 100, "kinds": ["status"]})
ok(all(call("GET", R).status >= 400 for _ in range(10)), "a plan plays at random")
peer.control("DELETE", "faults")
equal(call("GET", R).status, 200, "and ends")
log = peer.control("GET", "log")["requests"]
ok(any(r["fault"] and r["fault"]["kind"] == "lost" for r in log), "all of it is logged")
ok(not any(TOKEN in json.dumps(r) for r in log), "without authorisations")
ok(not any(r["code"] == "PEER BUG" for r in log), "the peer made no error of its own")
peer.end()
done()
