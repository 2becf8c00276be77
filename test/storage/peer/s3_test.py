"""Self-test of the S3 peer: curl --aws-sigv4 as an independent client, the provider's documented signature, and a client
made by hand for what must be refused.
"""
import calendar
import hashlib
import hmac
import http.client
import re
import subprocess
import time
import urllib.parse

import digest
import s3_sign
import wire
from s3_object import CHECKSUMS
from selftest import Peer, done, equal, ok

peer = Peer("s3")
peer.control("POST", "settings", {"restore_looks": 0})
ACCESS, SECRET = peer.info["access_key_id"], peer.info["secret_access_key"]


# The documented example: "Signature Calculations for the Authorization Header", GET Object
class FixedClock:
    @staticmethod
    def now():
        return calendar.timegm((2013, 5, 24, 0, 0, 0))


example = wire.Request("GET", "/test.txt", [
    ("host", "examplebucket.s3.amazonaws.com"), ("range", "bytes=0-9"), ("x-amz-content-sha256", hashlib.sha256(b"").hexdigest()),
    ("x-amz-date", "20130524T000000Z"),
    ("authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
     "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
     "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")])
signatures = s3_sign.Signatures(FixedClock, {"secure": False})
signatures.access_key, signatures.secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
try:
    signatures.check(example, "us-east-1")
    ok(True, "the provider's documented signature is taken")
except s3_sign.Failure as failure:
    ok(False, f"the provider's documented signature is taken: {failure.fields}")


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def call(method, target, body=b"", headers=(), access=ACCESS, secret=SECRET, region="us-east-1", at=None, token=None, sha=None):
    """One signed request; every keyword is something to get wrong."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() if at is None else at))
    path, _, query = target.partition("?")
    signed = {"host": peer.host, "x-amz-date": stamp, "x-amz-content-sha256": sha or hashlib.sha256(body).hexdigest(),
              **{n.lower(): v for n, v in headers}}
    if token:
        signed["x-amz-security-token"] = token
    names = ";".join(sorted(signed))
    pairs = sorted(item if "=" in item else item + "=" for item in query.split("&") if item)
    canonical = "\n".join([method, path, "&".join(pairs), "".join(f"{n}:{signed[n].strip()}\n" for n in sorted(signed)), names,
                           signed["x-amz-content-sha256"]])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        key = mac(key, part)
    authorization = f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={mac(key, text).hex()}"
    del signed["host"]
    return peer.send(method, target, body, [("Authorization", authorization), *signed.items()])


def code(answer):
    found = re.search(r"<Code>([^<]+)</Code>", answer.text())
    return answer.status, found[1] if found else None


def put(key, data, *headers, **how):
    return call("PUT", "/bucket/" + key, data, headers, **how)


# curl
def curl(*arguments, user=f"{ACCESS}:{SECRET}", body=b""):
    return subprocess.run(["curl", "-sS", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", user, "-w", "%{http_code}",
                           "-H", "x-amz-content-sha256: " + hashlib.sha256(body).hexdigest(), *arguments], capture_output=True, text=True).stdout


text = b"hello, world"
equal(curl("-X", "PUT", "--data-binary", "hello, world", "-H", "Content-Type: text/plain", peer.endpoint + "/bucket/curl", body=text), "200", "curl puts an object")
equal(curl(peer.endpoint + "/bucket/curl"), "hello, world200", "and reads it")
ok("SignatureDoesNotMatch" in curl(peer.endpoint + "/bucket/curl", user=f"{ACCESS}:wrong"), "with a wrong secret it does not")
ok("InvalidAccessKeyId" in curl(peer.endpoint + "/bucket/curl", user="AKIANOBODY:wrong"), "nor with a wrong name")

# Signatures
equal(put("a", text).status, 200, "an object is put")
equal(code(put("a", text, secret="x")), (403, "SignatureDoesNotMatch"), "a wrong secret is refused")
equal(code(put("a", text, region="eu-west-1")), (400, "AuthorizationHeaderMalformed"), "a wrong region is")
ok("<Region>us-east-1</Region>" in put("a", text, region="eu-west-1").text(), "and the right one told")
equal(code(put("a", text, at=time.time() - 1000)), (403, "RequestTimeTooSkewed"), "a clock that is 1000 s slow is refused")
equal(code(put("a", text, at=time.time() + 1000)), (403, "RequestTimeTooSkewed"), "a fast one too")
equal(code(put("a", text, sha=hashlib.sha256(b"x").hexdigest())), (400, "XAmzContentSHA256Mismatch"), "another payload than was signed is refused")
equal(code(put("a", text, sha="UNSIGNED-PAYLOAD")), (400, "InvalidRequest"), "an unsigned payload without TLS is refused")
answer = peer.send("GET", "/bucket/a")
equal(code(answer), (403, "AccessDenied"), "nobody reads without a signature")
equal(code(put("a", text, ("X-Amz-Acl", "private"))), (400, "AccessControlListNotSupported"), "an ACL is refused")
equal(code(put("a", text, ("X-Amz-Frob", "1"))), (501, "NotImplemented"), "an unknown header is not passed over")
equal(code(call("GET", "/bucket/a?frob=1")), (501, "NotImplemented"), "nor an unknown parameter")
peer.control("POST", "settings", {"temporary": True})
temporary = {"access": "ASIAPEER000000000001", "secret": hashlib.sha256(b"ASIAPEER000000000001").hexdigest()[:40]}
equal(call("GET", "/bucket/a", token="session/1+token==", **temporary).status, 200, "temporary credentials work with their token")
equal(code(call("GET", "/bucket/a", **temporary)), (400, "InvalidToken"), "and not without")
answer = peer.send("POST", "/", urllib.parse.urlencode({"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "cf-test",
                   "RoleArn": "arn:aws:iam::123456789012:role/mover", "WebIdentityToken": peer.info["web_identity_token"]}).encode())
ok(answer.status == 200 and "<SessionToken>" in answer.text(), "a role is assumed with a web identity")


def presigned(method, key, expires, tamper="", at=None):
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at or time.time()))
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    query = "&".join(f"{n}={urllib.parse.quote(v, safe='-_.~')}" for n, v in (
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", f"{ACCESS}/{scope}"), ("X-Amz-Date", stamp),
        ("X-Amz-Expires", str(expires)), ("X-Amz-SignedHeaders", "host")))
    canonical = f"{method}\n/bucket/{key}\n{query}\nhost:{peer.host}\n\nhost\nUNSIGNED-PAYLOAD"
    whole = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = ("AWS4" + SECRET).encode()
    for part in (stamp[:8], "us-east-1", "s3", "aws4_request"):
        secret = mac(secret, part)
    return f"/bucket/{key}?{query}&X-Amz-Signature={mac(secret, whole).hex()}{tamper}"


equal(peer.send("GET", presigned("GET", "a", 60)).body, text, "a presigned URL reads")
equal(code(peer.send("GET", presigned("GET", "a", 60, at=time.time() - 100))), (403, "AccessDenied"), "an expired one does not")
equal(code(peer.send("GET", presigned("PUT", "a", 60))), (403, "SignatureDoesNotMatch"), "nor one for another verb")

# Digests
for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256"):
    right, wrong = CHECKSUMS[name](text), CHECKSUMS[name](b"x")
    equal((put("d", text, ("x-amz-checksum-" + name, right)).status, code(put("d", text, ("x-amz-checksum-" + name, wrong)))),
          (200, (400, "BadDigest")), f"{name}: right is taken, wrong is refused")
equal(CHECKSUMS["crc64nvme"](b"123456789"), digest.b64(bytes.fromhex("ae8b14860a799888")), "CRC-64/NVME has its check value")
equal(CHECKSUMS["crc32c"](b"123456789"), digest.b64(bytes.fromhex("e3069283")), "and CRC32C")
equal(code(put("d", text, ("Content-MD5", digest.md5_b64(b"x")))), (400, "BadDigest"), "a wrong Content-MD5 is refused")
equal(code(put("d", text, ("Content-MD5", "short"))), (400, "InvalidDigest"), "a malformed one too")
equal(call("HEAD", "/bucket/a", headers=[("x-amz-checksum-mode", "ENABLED")]).headers["x-amz-checksum-crc64nvme"], CHECKSUMS["crc64nvme"](text),
      "without one the service has its own")

# Conditions
etag = call("HEAD", "/bucket/a").headers["etag"]
equal(code(put("a", text, ("If-None-Match", "*"))), (412, "PreconditionFailed"), "create-only refuses what is there")
equal(put("new", text, ("If-None-Match", "*")).status, 200, "and takes what is not")
equal(call("GET", "/bucket/a", headers=[("If-Match", etag), ("Range", "bytes=7-11")]).body, b"world", "a pinned range is read")
equal(code(call("GET", "/bucket/a", headers=[("If-Match", '"x"')])), (412, "PreconditionFailed"), "another pin is refused")
equal(call("GET", "/bucket/a", headers=[("If-None-Match", etag)]).status, 304, "304 for what is known")
equal(code(call("GET", "/bucket/a", headers=[("Range", "bytes=12-")])), (416, "InvalidRange"), "a range beyond the end is refused")
equal(code(call("DELETE", "/bucket/new", headers=[("If-Match", '"x"')])), (412, "PreconditionFailed"), "another version is not deleted")
equal(call("DELETE", "/bucket/new", headers=[("If-Match", etag)]).status, 204, "the pinned one is")
equal(code(call("DELETE", "/bucket/new", headers=[("If-Match", etag)])), (404, "NoSuchKey"), "and then it is not there")
equal(call("DELETE", "/bucket/new").status, 204, "without a condition that is fine")

# Uploads in parts
MIB5 = 5 * 1024 * 1024
first, last = bytes(range(256)) * (MIB5 // 256), b"the end"
crc = CHECKSUMS["crc64nvme"]


def upload(key):
    answer = call("POST", f"/bucket/{key}?uploads", headers=[("x-amz-checksum-algorithm", "CRC64NVME"), ("x-amz-checksum-type", "FULL_OBJECT")])
    return re.search("<UploadId>([^<]+)<", answer.text())[1]


def part(key, name, number, data, *headers):
    return call("PUT", f"/bucket/{key}?partNumber={number}&uploadId={urllib.parse.quote(name, safe='')}", data, headers)


def complete(key, name, parts, *headers):
    body = "<CompleteMultipartUpload>" + "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in parts)
    return call("POST", f"/bucket/{key}?uploadId={urllib.parse.quote(name, safe='')}", (body + "</CompleteMultipartUpload>").encode(), headers)


name = upload("big")
equal(code(part("big", name, 1, first, ("x-amz-checksum-crc64nvme", crc(b"x")))), (400, "BadDigest"), "a part with a wrong checksum is refused")
equal(code(part("big", name, 10001, last)), (400, "InvalidArgument"), "and part 10,001")
equal(code(part("big", "nothing", 1, last)), (404, "NoSuchUpload"), "and one of no upload")
tags = [(1, part("big", name, 1, first, ("x-amz-checksum-crc64nvme", crc(first))).headers["etag"]), (2, part("big", name, 2, last).headers["etag"])]
equal(code(complete("big", name, tags[::-1])), (400, "InvalidPartOrder"), "parts in a wrong order are refused")
equal(code(complete("big", name, [(1, tags[0][1]), (2, '"x"')])), (400, "InvalidPart"), "a wrong ETag is")
equal(code(complete("big", name, tags, ("x-amz-mp-object-size", "7"))), (400, "InvalidRequest"), "a wrong size is")
equal(code(complete("big", name, tags, ("x-amz-checksum-crc64nvme", crc(b"x")))), (400, "BadDigest"), "a wrong checksum of the whole is")
equal(call("GET", "/bucket/big").status, 404, "nothing shows before")
answer = complete("big", name, tags, ("If-None-Match", "*"), ("x-amz-mp-object-size", str(MIB5 + 7)), ("x-amz-checksum-crc64nvme", crc(first + last)),
                  ("x-amz-checksum-type", "FULL_OBJECT"))
ok(answer.status == 200 and re.search('<ETag>&quot;|<ETag>"[0-9a-f]{32}-2"', answer.text()), "the object appears")
equal(call("GET", "/bucket/big").body, first + last, "with its bytes")
equal(code(complete("big", name, tags)), (404, "NoSuchUpload"), "the upload is gone")
name = upload("big")
tags = [(1, part("big", name, 1, last).headers["etag"]), (2, part("big", name, 2, last).headers["etag"])]
equal(code(complete("big", name, tags)), (400, "EntityTooSmall"), "a small part is allowed at the end only")
equal(code(complete("big", name, tags[:1], ("If-None-Match", "*"))), (412, "PreconditionFailed"), "Complete honours create-only")
listing = call("GET", "/bucket?uploads=&prefix=b").text()
ok(f"<UploadId>{name}</UploadId>" in listing, "open uploads are listed")
ok("<PartNumber>2<" in call("GET", f"/bucket/big?uploadId={urllib.parse.quote(name, safe='')}").text(), "and their parts")
equal(call("DELETE", f"/bucket/big?uploadId={urllib.parse.quote(name, safe='')}").status, 204, "an upload is aborted")
equal(code(part("big", name, 1, last)), (404, "NoSuchUpload"), "and takes nothing any more")

# Copies, classes, restores, versions, tags, listings
COPY = ("x-amz-copy-source", "/bucket/a")
ok("<CopyObjectResult" in put("c", b"", COPY, ("x-amz-copy-source-if-match", etag), ("If-None-Match", "*")).text(), "an object is copied")
equal(code(put("c2", b"", COPY, ("x-amz-copy-source-if-match", '"x"'))), (412, "PreconditionFailed"), "another source is refused")
equal(code(put("c", b"", COPY, ("If-None-Match", "*"))), (412, "PreconditionFailed"), "an occupied destination too")
equal(code(put("a", b"", COPY)), (400, "InvalidRequest"), "a copy onto itself that changes nothing is refused")
equal(put("a", b"", COPY, ("x-amz-storage-class", "GLACIER")).status, 200, "one that changes the class is not")
equal(code(call("GET", "/bucket/a")), (403, "InvalidObjectState"), "an archived object is not read")
equal(code(put("x", text, ("x-amz-storage-class", "WARM"))), (400, "InvalidStorageClass"), "an unknown class is refused")
RESTORE = b"<RestoreRequest><Days>2</Days><GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>"
equal(call("POST", "/bucket/a?restore", RESTORE).status, 202, "a restore begins")
equal(code(call("POST", "/bucket/a?restore", RESTORE)), (409, "RestoreAlreadyInProgress"), "once")
equal(call("HEAD", "/bucket/a").headers["x-amz-restore"], 'ongoing-request="true"', "it shows")
peer.control("POST", "clock", {"advance_s": 5 * 3600})
later = lambda: time.time() + 5 * 3600
equal(call("GET", "/bucket/a", at=later()).body, text, "hours later the object is readable")
peer.control("POST", "clock", {"advance_s": -5 * 3600})
peer.control("POST", "buckets", {"name": "kept", "versioned": True})
one = call("PUT", "/kept/v", b"1").headers["x-amz-version-id"]
two = call("PUT", "/kept/v", b"2").headers["x-amz-version-id"]
equal((call("GET", f"/kept/v?versionId={one}").body, call("GET", "/kept/v").body), (b"1", b"2"), "versions are kept")
equal(call("DELETE", "/kept/v").headers["x-amz-delete-marker"], "true", "a delete leaves a marker")
equal(call("GET", "/kept/v").headers.get("x-amz-delete-marker"), "true", "that shows")
equal(call("GET", "/kept?versions").text().count("<Version>"), 2, "the versions are listed")
equal(call("PUT", "/bucket/t", text, [("x-amz-tagging", "k=v&x=y")]).status, 200, "tags are taken")
equal(call("HEAD", "/bucket/t").headers["x-amz-tagging-count"], "2", "and counted")
for key in ("l/a", "l/b%20c", "l/d/1", "l/d/2", "l/%01", "l/%C3%A9"):
    put(key, b"x")
found, page = [], ""
while page is not None:
    listing = call("GET", "/bucket?encoding-type=url&list-type=2&max-keys=2&prefix=l%2F" + page).text()
    found += re.findall("<Key>([^<]*)<", listing)
    token = re.search("<NextContinuationToken>([^<]*)<", listing)
    page = "&continuation-token=" + token[1] if token else None
equal(found, ["l/%01", "l/a", "l/b+c", "l/d/1", "l/d/2", "l/%C3%A9"], "a listing goes page by page, encoded, in the order of bytes")
listing = call("GET", "/bucket?delimiter=%2F&list-type=2&prefix=l%2F").text()
ok("<CommonPrefixes><Prefix>l/d/</Prefix>" in listing and listing.count("<Key>") == 4, "a delimiter folds")
equal(code(put("m", text, ("x-amz-meta-a", "x" * 2100))), (400, "MetadataTooLarge"), "metadata beyond 2 KB is refused")
equal(code(put("k" * 1025, text)), (400, "KeyTooLongError"), "and a key of 1,025 bytes")

# Faults
name = upload("e")
tag = part("e", name, 1, last).headers["etag"]
peer.rule({"kind": "error_200"}, method="POST", query="uploadId")
equal(code(complete("e", name, [(1, tag)])), (200, "InternalError"), "a Complete fails inside a 200")
equal(call("GET", "/bucket/e").status, 404, "and made nothing")
equal(complete("e", name, [(1, tag)]).status, 200, "the next one works")
peer.rule({"kind": "lost"}, method="PUT")
try:
    put("lost", text)
    ok(False, "an answer is lost")
except (http.client.HTTPException, OSError):
    equal(code(put("lost", text, ("If-None-Match", "*"))), (412, "PreconditionFailed"), "an answer is lost, the work was done")
peer.rule({"kind": "wrong_etag"}, method="HEAD")
ok(call("HEAD", "/bucket/lost").headers["etag"] != call("HEAD", "/bucket/lost").headers["etag"], "an ETag lies once")
peer.rule({"kind": "skew", "seconds": 3600}, method="HEAD")
equal(call("HEAD", "/bucket/lost").status, 403, "the service's clock is off")
peer.rule({"kind": "flip_request", "at": 3}, method="PUT")
equal(code(put("flip", text)), (400, "XAmzContentSHA256Mismatch"), "a bit turned on the way is found")
log = peer.control("GET", "log")["requests"]
ok(not any(r["code"] == "PEER BUG" for r in log), "the peer made no error of its own")
peer.end()
done()
