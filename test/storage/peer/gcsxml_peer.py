"""The XML API of Google Cloud Storage with HMAC keys, as the S3 peer with other words and other preconditions.

Signatures are GOOG4-HMAC-SHA256; headers of x-amz- are refused, since the service refuses to mix the families. Objects have
generations, and x-goog-if-generation-match judges GET, HEAD, PUT and DELETE; the conditions by ETag that S3 has for writing are
unknown here, so they are 501, as are uploads in parts (which know no preconditions) and copies.

Sources: "Migrate from Amazon S3 to Cloud Storage", "Signatures" (V4 signing process), "HTTP headers and query string parameters for XML API",
"Request preconditions", "HMAC keys".
"""
import base64
import hashlib

import digest
import s3_peer
import wire
from s3_sign import GOOG4, Failure, Signatures

CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
KNOWN = {"x-goog-date", "x-goog-content-sha256", "x-goog-storage-class", "x-goog-if-generation-match"}


class HmacSignatures(Signatures):
    words = GOOG4

    def __init__(self, clock, options):
        super().__init__(clock, options)
        self.access_key, self.secret = "GOOG1EPEERPEERPEERPEERPEER", "peer/hmac+secret/peer/hmac+secret+peers="


class Dialect(s3_peer.Dialect):
    def __init__(self, clock, endpoint, directory):
        super().__init__(clock, endpoint, directory)
        self.options["region"] = "auto"
        self.signatures = HmacSignatures(clock, self.options)
        self.generation = 1700000000000000

    def handle(self, request):
        try:
            bucket, key = self.address(request)
            self.signatures.check(request, self.options["region"])
            if bucket not in self.store.buckets:
                raise Failure(404, "NoSuchBucket", "The specified bucket does not exist.")
            wanted = self.judge_headers(request)
            self.condition(request, self.store.buckets[bucket], key)
            request.headers = [(n.replace("x-goog-meta-", "x-amz-meta-"), v) for n, v in request.headers]
            answer = self.translate(self.route(request, self.store.buckets[bucket], key))
            if request.method == "PUT" and wanted:
                self.store.buckets[bucket].get(key).storage_class = wanted
            return answer
        except Failure as failure:
            return self.translate(self.failed(request, failure))

    def judge_headers(self, request):
        """Refuses what the service refuses or this peer does not know; the class that is asked for."""
        for name, _ in request.headers:
            if name.startswith("x-amz-"):
                raise Failure(400, "InvalidArgument", "x-amz- and x-goog- headers must not be mixed.")
            if name.startswith("x-goog-") and not name.startswith("x-goog-meta-") and name not in KNOWN:
                raise Failure(501, "NotImplemented", f"the peer does not know {name}")
        if request.method != "GET" and request.method != "HEAD" and (request.header("if-match") or request.header("if-none-match")):
            raise Failure(501, "NotImplemented", "writing is conditional by generations only")
        if request.method == "POST" or request.has("uploads") or request.has("uploadId"):
            raise Failure(501, "NotImplemented", "uploads in parts know no preconditions")
        wanted = request.header("x-goog-storage-class")
        if wanted is not None and wanted not in CLASSES:
            raise Failure(400, "InvalidStorageClass", "The storage class you specified is not valid.")
        return wanted

    def condition(self, request, bucket, key):
        wanted = request.header("x-goog-if-generation-match")
        found = bucket.get(key) if key else None
        if wanted is None:
            return
        if request.method == "DELETE" and found is None:
            raise Failure(404, "NoSuchKey", "The specified key does not exist.")
        if wanted != (found.generation if found else "0"):
            raise Failure(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")

    def create(self, *arguments, **named):
        found = super().create(*arguments, **named)
        self.generation += 1
        found.generation = str(self.generation)
        return found

    def describe(self, bucket, found):
        crc = base64.b64encode(digest.crc32c(found.data).to_bytes(4, "big")).decode()
        md5 = base64.b64encode(hashlib.md5(found.data).digest()).decode()
        return [("ETag", f'"{found.etag}"'), ("x-goog-generation", found.generation), ("x-goog-metageneration", "1"),
                ("x-goog-hash", f"crc32c={crc}"), ("x-goog-hash", f"md5={md5}"), ("x-goog-storage-class", found.storage_class)]

    def checksum_headers(self, found):
        return []

    def ids(self):
        return [("X-GUploader-UploadID", f"PEER{self.store.next():012d}"), ("Server", "UploadServer")]

    def translate(self, answer):
        answer.headers = [(n.replace("x-amz-meta-", "x-goog-meta-"), v) for n, v in answer.headers
                          if not n.startswith("x-amz-") or n.startswith("x-amz-meta-")]
        return answer

    def fault_expired(self, request):
        return self.translate(super().fault_expired(request))
