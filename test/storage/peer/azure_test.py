"""Self-test of the Azure peer: a client made by hand, and what it must not get away with."""
import base64
import hashlib
import hmac
import http.client
import re
import time
import urllib.parse

import digest
from selftest import Peer, done, equal, ok

peer = Peer("azure")
peer.control("POST", "settings", {"restore_looks": 0})
ACCOUNT, KEY = peer.info["account"], peer.info["account_key"]
VERSION = "2024-11-04"


def mac(text, key=KEY):
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


def call(method, target, body=b"", headers=(), key=KEY, at=None, bearer=None, signed=True):
    """One request for /ACCOUNT + target, signed by Shared Key."""
    target = f"/{ACCOUNT}{target}"
    path, _, query = target.partition("?")
    sent = {"x-ms-date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at or time.time())), "x-ms-version": VERSION,
            **{n.lower(): v for n, v in headers}}
    order = ("content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")
    lines = [method, "", "", str(len(body)) if body else ""] + [sent.get(n, "") for n in order]
    lines += [f"{n}:{v}" for n, v in sorted(sent.items()) if n.startswith("x-ms-")]
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    text = "\n".join(lines) + f"\n/{ACCOUNT}{path}" + "".join(f"\n{n}:{v}" for n, v in pairs)
    if bearer:
        sent["authorization"] = "Bearer " + bearer
    elif signed:
        sent["authorization"] = f"SharedKey {ACCOUNT}:{mac(text, key)}"
    return peer.send(method, target, body, list(sent.items()))


def code(answer):
    return answer.status, answer.headers.get("x-ms-error-code")


def put(name, body, *headers, **how):
    return call("PUT", "/bucket/" + name, body, [("x-ms-blob-type", "BlockBlob"), *headers], **how)


def sas(resource, permissions="r", life=60, kind="b", version=VERSION, **more):
    query = {"sv": version, "sp": permissions, "se": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + life)), "sr": kind, **more}
    get = lambda n: query.get(n, "")
    text = "\n".join([get("sp"), get("st"), get("se"), f"/blob/{ACCOUNT}/{resource}", "", "", get("spr"), get("sv"), get("sr"), "", "", "", "", "", "", ""])
    return urllib.parse.urlencode({**query, "sig": mac(text)})


text = b"hello, world"
# Authorisation
equal(put("a", text).status, 201, "a blob is put")
equal(call("GET", "/bucket/a").body, text, "and read")
equal(code(put("a", text, key=base64.b64encode(b"other").decode())), (403, "AuthenticationFailed"), "another key's signature is refused")
equal(code(put("a", text, at=time.time() - 1000)), (403, "AuthenticationFailed"), "a clock that is 1000 s slow is refused")
equal(code(call("GET", "/bucket/a", signed=False)), (401, "NoAuthenticationInformation"), "nobody reads without a signature")
equal(peer.send("GET", f"/{ACCOUNT}/bucket/a?" + sas("bucket/a")).body, text, "a SAS reads")
equal(code(peer.send("GET", f"/{ACCOUNT}/bucket/b?" + sas("bucket/a"))), (403, "AuthenticationFailed"), "but not another blob")
equal(code(peer.send("GET", f"/{ACCOUNT}/bucket/a?" + sas("bucket/a", life=-1))), (403, "AuthenticationFailed"), "nor when it has expired")
equal(code(peer.send("DELETE", f"/{ACCOUNT}/bucket/a?" + sas("bucket/a"))), (403, "AuthorizationPermissionMismatch"), "nor deletes")
equal(code(peer.send("GET", f"/{ACCOUNT}/bucket/a?" + sas("bucket/a", spr="https"))), (403, "AuthorizationProtocolMismatch"), "nor without TLS when it demands it")
equal(peer.send("GET", f"/{ACCOUNT}/bucket/a?" + sas("bucket", kind="c")).body, text, "one of the container reads its blobs")


def token(**changes):
    form = {"grant_type": "client_credentials", "client_id": peer.info["client_id"], "client_secret": peer.info["client_secret"],
            "scope": "https://storage.azure.com/.default", **changes}
    return peer.send("POST", urllib.parse.urlsplit(peer.info["token_uri"]).path, urllib.parse.urlencode(form).encode(),
                     [("Content-Type", "application/x-www-form-urlencoded")])


TOKEN = token().json()["access_token"]
equal(call("GET", "/bucket/a", bearer=TOKEN).body, text, "a token reads")
equal(token(client_secret="wrong").status, 401, "a wrong client secret gets none")
equal(code(call("GET", "/bucket/a", bearer="made-up")), (401, "InvalidAuthenticationInfo"), "a token that was never issued is refused")
equal(code(put("a", text, ("x-ms-frob", "1"))), (501, "NotImplemented"), "an unknown header is not passed over")
equal(code(call("GET", "/bucket/a?frob=1")), (501, "NotImplemented"), "nor an unknown parameter")
equal(code(put("a", text, ("x-ms-version", "2999-01-01"))), (400, "InvalidHeaderValue"), "nor an unknown version")

# Digests
right, wrong = digest.crc64_azure_b64(text), digest.crc64_azure_b64(b"x")
equal((put("d", text, ("x-ms-content-crc64", right)).status, code(put("d", text, ("x-ms-content-crc64", wrong)))), (201, (400, "Crc64Mismatch")), "CRC64: right is taken, wrong is refused")
equal((put("d", text, ("Content-MD5", digest.md5_b64(text))).status, code(put("d", text, ("Content-MD5", digest.md5_b64(b"x"))))), (201, (400, "Md5Mismatch")), "MD5 too")
equal(code(put("d", text, ("x-ms-blob-content-md5", digest.md5_b64(b"x")))), (400, "Md5Mismatch"), "and the MD5 that is to be kept")

# Conditions
etag = call("HEAD", "/bucket/a").headers["etag"]
equal(code(put("a", text, ("If-None-Match", "*"))), (409, "BlobAlreadyExists"), "create-only refuses what is there")
equal(call("GET", "/bucket/a", headers=[("If-Match", etag), ("Range", "bytes=7-11")]).body, b"world", "a pinned range is read")
equal(code(call("GET", "/bucket/a", headers=[("If-Match", '"0x8D1"')])), (412, "ConditionNotMet"), "another pin is refused")
equal(call("GET", "/bucket/a", headers=[("If-None-Match", etag)]).status, 304, "304 for what is known")
equal(code(call("GET", "/bucket/a", headers=[("Range", "bytes=12-")])), (416, "InvalidRange"), "a range beyond the end is refused")
answer = call("GET", "/bucket/a", headers=[("x-ms-range", "bytes=0-4"), ("x-ms-range-get-content-crc64", "true")])
equal(answer.headers["x-ms-content-crc64"], digest.crc64_azure_b64(b"hello"), "a range comes with its CRC64 on demand")
equal(code(call("DELETE", "/bucket/d", headers=[("If-Match", etag)])), (412, "ConditionNotMet"), "another version is not deleted")
equal(call("DELETE", "/bucket/d", headers=[("If-Match", call("HEAD", "/bucket/d").headers["etag"])]).status, 202, "the pinned one is")
equal(code(call("DELETE", "/bucket/d")), (404, "BlobNotFound"), "and then it is not there")

# Blocks
name = lambda n: urllib.parse.quote(base64.b64encode(b"%048d" % n).decode(), safe="")
block = lambda n, data, *headers: call("PUT", f"/bucket/big?comp=block&blockid={name(n)}", data, headers)
commit = lambda ids, *headers: call("PUT", "/bucket/big?comp=blocklist", ("<BlockList>" + "".join(
    f"<Uncommitted>{urllib.parse.unquote(i)}</Uncommitted>" for i in ids) + "</BlockList>").encode(), headers)
equal(block(1, b"one ").status, 201, "a block is staged")
equal(code(block(2, b"two", ("x-ms-content-crc64", right))), (400, "Crc64Mismatch"), "one with a wrong digest is not")
equal(code(call("PUT", "/bucket/big?comp=block&blockid=QQ==", b"x")), (400, "InvalidBlobOrBlock"), "nor one with an id of another length")
equal(code(call("PUT", "/bucket/big?comp=block&blockid=Q", b"x")), (400, "InvalidQueryParameterValue"), "nor one with an id that is no base64")
equal(code(block(3, b"x", ("If-None-Match", "*"))), (400, "UnsupportedHeader"), "a block has no conditions")
equal(code(call("GET", "/bucket/big")), (404, "BlobNotFound"), "nothing shows before the commit")
equal(block(1, b"ONE ").status, 201, "a block of the same id replaces the first one, whoever sends it")
equal(block(2, b"two").status, 201, "a second block")
equal(code(commit([name(1), name(7)])), (400, "InvalidBlockList"), "a list with an unknown id is refused")
equal(commit([name(1), name(2)], ("If-None-Match", "*"), ("x-ms-blob-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")).status, 201, "the list is committed")
equal(call("GET", "/bucket/big").body, b"ONE two", "with the bytes that were staged last")
equal(call("HEAD", "/bucket/big").headers["content-md5"], "AAAAAAAAAAAAAAAAAAAAAA==", "a false MD5 of the whole is kept as given")
equal(code(commit([], ("If-None-Match", "*"))), (409, "BlobAlreadyExists"), "a commit honours create-only")
block(5, b"later")
listing = call("GET", "/bucket/big?comp=blocklist&blocklisttype=all").text()
equal((listing.count("<Block>"), "<UncommittedBlocks><Block>" in listing), (3, True), "blocks of both kinds are listed")
peer.control("POST", "clock", {"advance_s": 8 * 86400})
later = time.time() + 8 * 86400
ok("<Block>" not in call("GET", "/bucket/big?comp=blocklist&blocklisttype=uncommitted", at=later).text(), "a week later the uncommitted ones are gone")
peer.control("POST", "clock", {"advance_s": -8 * 86400})

# Copies
SOURCE = ("x-ms-copy-source", f"{peer.endpoint}/bucket/a?" + sas("bucket/a"))
equal(put("c", b"", SOURCE, ("x-ms-source-if-match", etag), ("If-None-Match", "*")).status, 201, "a blob is put from a URL")
equal(code(put("c2", b"", SOURCE, ("x-ms-source-if-match", '"0x8D1"'))), (412, "SourceConditionNotMet"), "another source is refused")
equal(code(put("c2", b"", ("x-ms-copy-source", f"{peer.endpoint}/bucket/a"))), (401, "CannotVerifyCopySource"), "a source without authorisation too")
equal(code(put("c2", b"", SOURCE, ("x-ms-source-content-md5", digest.md5_b64(b"x")))), (400, "Md5Mismatch"), "and one with other bytes")
equal(call("PUT", f"/bucket/part?comp=block&blockid={name(1)}", b"", [SOURCE, ("x-ms-source-range", "bytes=0-4"), ("x-ms-source-content-crc64", digest.crc64_azure_b64(b"hello"))]).status,
      201, "a block is put from a URL")
answer = call("PUT", "/bucket/c3", b"", [SOURCE])
equal((answer.status, answer.headers["x-ms-copy-status"]), (202, "success"), "a blob is copied")

# Tiers, leases, metadata, versions, listings
tier = lambda blob, name, *headers: call("PUT", f"/bucket/{blob}?comp=tier", b"", [("x-ms-access-tier", name), *headers])
equal((tier("c", "Archive").status, code(call("GET", "/bucket/c"))), (200, (409, "BlobArchived")), "an archived blob is not read")
equal(call("HEAD", "/bucket/c").headers["etag"] == etag, False, "its ETag is its own")
equal(tier("c", "Hot").status, 202, "a rehydration begins")
equal(call("HEAD", "/bucket/c").headers["x-ms-archive-status"], "rehydrate-pending-to-hot", "it shows")
equal(code(tier("c", "Cool")), (409, "BlobBeingRehydrated"), "and cannot be turned")
peer.control("POST", "clock", {"advance_s": 16 * 3600})
equal(call("GET", "/bucket/c", at=time.time() + 16 * 3600).body, text, "hours later the blob is readable")
peer.control("POST", "clock", {"advance_s": -16 * 3600})
equal(code(tier("a", "Warm")), (400, "InvalidHeaderValue"), "an unknown tier is refused")
lease = call("PUT", "/bucket/a?comp=lease", b"", [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")]).headers["x-ms-lease-id"]
equal(code(call("DELETE", "/bucket/a")), (412, "LeaseIdMissing"), "a leased blob is not deleted without its lease")
equal(call("PUT", "/bucket/a?comp=lease", b"", [("x-ms-lease-action", "release"), ("x-ms-lease-id", lease)]).status, 200, "a lease is released")
equal(call("PUT", "/bucket/a?comp=snapshot", b"").status, 201, "a snapshot is taken")
equal(code(call("DELETE", "/bucket/a")), (409, "SnapshotsPresent"), "a blob with snapshots is not deleted")
equal(code(put("m", text, ("x-ms-meta-a-b", "1"))), (400, "InvalidMetadata"), "metadata names are C identifiers")
equal(put("m", text, ("x-ms-meta-cf_a", "1"), ("x-ms-tags", "k=v")).headers.get("x-ms-error-code"), None, "metadata and tags are taken")
head = call("HEAD", "/bucket/m").headers
equal((head["x-ms-meta-cf_a"], head["x-ms-tag-count"]), ("1", "1"), "and told")
peer.control("POST", "buckets", {"name": "kept", "versioned": True})
one = call("PUT", "/kept/v", b"1", [("x-ms-blob-type", "BlockBlob")]).headers["x-ms-version-id"]
call("PUT", "/kept/v", b"2", [("x-ms-blob-type", "BlockBlob")])
equal((call("GET", f"/kept/v?versionid={one}").body, call("GET", "/kept/v").body), (b"1", b"2"), "versions are kept")
call("DELETE", "/kept/v")
equal(call("GET", "/kept/v").status, 404, "a delete hides them")
equal(call("GET", f"/kept/v?versionid={one}").body, b"1", "and keeps them")
for key in ("l/a", "l/b%20c", "l/d/1", "l/d/2", "l/%01", "l/%C3%A9"):
    put(key, b"x")
found, marker = [], ""
while marker is not None:
    listing = call("GET", "/bucket?restype=container&comp=list&prefix=l%2F&maxresults=2" + marker).text()
    found += re.findall("<Name[^>]*>([^<]*)</Name>", listing)
    token_ = re.search("<NextMarker>([^<]+)<", listing)
    marker = "&marker=" + token_[1] if token_ else None
equal(found, ["l%2F%01", "l/a", "l/b c", "l/d/1", "l/d/2", "l/é"], "a listing goes page by page in the order of bytes")
listing = call("GET", "/bucket?restype=container&comp=list&prefix=l%2F&delimiter=%2F").text()
ok("<BlobPrefix><Name>l/d/</Name></BlobPrefix>" in listing, "a delimiter folds")

# Faults
peer.rule({"kind": "lost"}, method="PUT")
try:
    put("lost", text)
    ok(False, "an answer is lost")
except (http.client.HTTPException, OSError):
    equal(code(put("lost", text, ("If-None-Match", "*"))), (409, "BlobAlreadyExists"), "an answer is lost, the work was done")
peer.rule({"kind": "status", "status": 503, "retry_after": 2})
answer = call("GET", "/bucket/lost")
equal((code(answer), answer.headers["retry-after"]), ((503, "ServerBusy"), "2"), "the service is busy")
peer.rule({"kind": "flip_request", "at": 3}, method="PUT")
equal(code(put("flip", text, ("x-ms-content-crc64", right))), (400, "Crc64Mismatch"), "a bit turned on the way is found by the digest")
peer.rule({"kind": "skew", "seconds": -3600})
equal(code(call("GET", "/bucket/lost")), (403, "AuthenticationFailed"), "the service's clock is off")
log = peer.control("GET", "log")["requests"]
ok(not any(r["code"] == "PEER BUG" for r in log), "the peer made no error of its own")
peer.end()
done()
