"""Self-test of the peer of GCS's XML API: curl --aws-sigv4 as an independent client that knows GOOG4, and what must be refused."""
import hashlib
import re
import subprocess

from selftest import Peer, done, equal, ok

peer = Peer("gcsxml")
KEY, SECRET = peer.info["access_key_id"], peer.info["secret_access_key"]


def curl(method, target, body=b"", headers=(), secret=SECRET):
    """Status, headers and body of a request that curl signs."""
    command = ["curl", "-sS", "-i", "--noproxy", "*", "--aws-sigv4", "goog:goog:auto:storage", "--user", f"{KEY}:{secret}",
               "-H", "x-goog-content-sha256: " + hashlib.sha256(body).hexdigest(), "-H", "Content-Type: text/plain"]
    for header in headers:
        command += ["-H", header]
    command += ["-I"] if method == "HEAD" else ["-X", method]
    if method in ("PUT", "POST"):
        command += ["--data-binary", "@-"]
    answer = subprocess.run([*command, peer.endpoint + target], input=body, capture_output=True, check=True).stdout.decode()
    head, _, rest = answer.partition("\r\n\r\n")
    return int(head.split(" ")[1]), {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}, rest


status, headers, _ = curl("PUT", "/bucket/k", b"hello", ["x-goog-if-generation-match: 0", "x-goog-meta-colour: blue"])
generation = headers.get("x-goog-generation", "")
ok(status == 200 and generation.isdigit(), "an object that curl signs is created")
equal(curl("PUT", "/bucket/k", b"other", ["x-goog-if-generation-match: 0"])[0], 412, "a second create is refused")
status, headers, body = curl("GET", "/bucket/k")
equal((status, body, headers.get("x-goog-meta-colour"), headers.get("x-goog-generation")), (200, "hello", "blue", generation), "it is read, with its generation")
ok(not any(name.startswith("x-amz-") for name in headers), "no header is of Amazon's family")
status, _, body = curl("GET", "/bucket/k", secret="wrong")
ok(status == 403 and "SignatureDoesNotMatch" in body, "a wrong secret is refused")
equal(peer.send("GET", "/bucket/k").status, 403, "and a request without a signature")
status, _, body = curl("GET", "/bucket/k", headers=["x-amz-meta-colour: red"])
ok(status == 400 and "mixed" in body, "families of headers are not mixed")
equal(curl("PUT", "/bucket/k2", b"x", ["If-None-Match: *"])[0], 501, "conditions by ETag are unknown where something is written")
equal(curl("POST", "/bucket/k2?uploads=")[0], 501, "so are uploads in parts")
equal(curl("PUT", "/bucket/k2", b"x", ["x-goog-storage-class: STANDARD_IA"])[0], 400, "and classes of Amazon's")
equal(curl("GET", "/bucket/k", headers=["x-goog-if-generation-match: 1"])[0], 412, "another generation is not read")
equal(curl("DELETE", "/bucket/k", headers=["x-goog-if-generation-match: 1"])[0], 412, "nor deleted")
ok(re.search("<Key>k</Key>", curl("GET", "/bucket?list-type=2&prefix=k")[2]), "it is listed")
equal(curl("DELETE", "/bucket/k", headers=[f"x-goog-if-generation-match: {generation}"])[0], 204, "its own is")
equal(curl("GET", "/bucket/k")[0], 404, "then it is gone")
done()
