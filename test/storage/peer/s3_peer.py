"""The S3 peer: objects, copies, listings, versions; uploads in parts are in s3_multipart.py.

Path style (/BUCKET/KEY) and virtual-host style (BUCKET.localhost). What the real service would refuse is refused with
its code; a parameter, header or call that this file does not know is 501 and logged.
"""
import hashlib
import re
import urllib.parse

import digest
import wire
from s3_multipart import Uploads
from s3_object import (CHECKSUMS, check_body, check_headers, check_read, check_write, customer_key, element, fields_of,
                       iso, look_at, parse_xml, quoted, readable, restore, restore_state, tags_of)
from s3_sign import QUERY, Failure, Signatures
from store import Store, Version, hashed

NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
OWNER = "123456789012"
COPY_MAX = 5 * 1024 ** 3


class Dialect:
    def __init__(self, clock, endpoint, directory):
        self.clock, self.endpoint = clock, endpoint
        self.store = Store()
        self.options = {"page_max": 1000, "region": "us-east-1", "secure": False, "min_part_bytes": 5 * 1024 * 1024,
                        "copy_max_bytes": COPY_MAX, "complete_twice": 404, "restore_looks": 3, "delete_conditions": True}
        self.signatures = Signatures(clock, self.options)
        self.uploads = Uploads(self)

    def credentials(self):
        return {"access_key_id": self.signatures.access_key, "secret_access_key": self.signatures.secret,
                "region": self.options["region"], "web_identity_token": self.signatures.web_identity}

    def set_options(self, options):
        if options.pop("temporary", None):
            self.signatures.issue()
        for name, value in options.items():
            self.options[name] = type(self.options[name])(value)

    def forget(self):
        self.uploads.open.clear()
        self.uploads.finished.clear()

    # Faults

    def fault_status(self, request, fault):
        code = {500: "InternalError", 503: "SlowDown", 429: "SlowDown", 408: "RequestTimeout", 400: "RequestTimeout",
                409: "ConditionalRequestConflict", 403: "AccessDenied"}.get(fault["status"], "InternalError")
        return self.failed(request, Failure(fault["status"], fault.get("code", code), "Injected."))

    def fault_expired(self, request):
        return self.failed(request, Failure(400, "ExpiredToken", "The provided token has expired."))

    def fault_error_200(self, request):
        """What Complete, Copy and multi-delete answer when they fail after their 200 was sent."""
        error = element("Error", Code="InternalError", Message="We encountered an internal error. Please try again.",
                        RequestId=f"PEER{self.store.next():012d}", HostId="peer")
        if request.method == "POST" and request.has("delete"):
            keys = re.findall(rb"<Key>([^<]*)</Key>", request.body)
            error = element("DeleteResult", *(element("Error", Key=k.decode(), Code="InternalError", Message="Injected.") for k in keys))
        elif not (request.method == "POST" and request.has("uploadId")) and request.header("x-amz-copy-source") is None:
            return self.failed(request, Failure(500, "InternalError", "Injected."))
        return self.xml(error)

    def fault_stale(self, request):
        bucket, key = self.address(request)
        if request.method not in ("GET", "HEAD") or not key or (request.method == "GET" and not request.query):
            return None
        return self.store.as_before(bucket, key, lambda: self.handle(request))

    def partial(self, request):
        """A request that broke leaves nothing."""

    def flippable(self, request):
        return 0, len(request.body)

    # Requests

    ROUTES = (("GET", "b", "list-type", "list"), ("GET", "b", "versions", "list_versions"), ("GET", "b", "uploads", "uploads.find"),
              ("GET", "b", "location", "location"), ("GET", "b", "versioning", "versioning"), ("HEAD", "b", None, "head_bucket"),
              ("POST", "b", "delete", "delete_many"),
              ("POST", "k", "uploads", "uploads.create"), ("POST", "k", "uploadId", "uploads.complete"),
              ("PUT", "k", "uploadId", "uploads.part"), ("DELETE", "k", "uploadId", "uploads.abort"),
              ("GET", "k", "uploadId", "uploads.parts"), ("POST", "k", "restore", "restore"),
              ("GET", "k", "tagging", "tags"), ("PUT", "k", "tagging", "put_tags"), ("DELETE", "k", "tagging", "put_tags"),
              ("GET", "k", None, "get"), ("HEAD", "k", None, "get"), ("PUT", "k", None, "put"), ("DELETE", "k", None, "delete"))
    ARGUMENTS = {"list": {"list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner"},
                 "list_versions": {"versions", "prefix", "key-marker", "version-id-marker", "max-keys", "encoding-type"},
                 "uploads.find": {"uploads", "prefix", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"},
                 "uploads.part": {"uploadId", "partNumber"}, "uploads.parts": {"uploadId", "max-parts", "part-number-marker"},
                 "get": {"versionId"}, "delete": {"versionId"}, "restore": {"restore", "versionId"}, "tags": {"tagging", "versionId"},
                 "put_tags": {"tagging", "versionId"}}

    def handle(self, request):
        try:
            bucket, key = self.address(request)
            if not bucket and request.method == "POST":
                return self.signatures.assume_role(request)
            if bucket not in self.store.buckets:
                self.signatures.check(request, self.options["region"])
                raise Failure(404, "NoSuchBucket", "The specified bucket does not exist", BucketName=bucket)
            self.signatures.check(request, self.store.buckets[bucket].options.get("region", self.options["region"]))
            check_headers(request)
            for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
                if request.header(name, OWNER) != OWNER:
                    raise Failure(403, "AccessDenied", "Access Denied")
            return self.route(request, self.store.buckets[bucket], key)
        except Failure as failure:
            return self.failed(request, failure)

    def address(self, request):
        """Bucket and key, in either style."""
        host = request.header("host", "").rpartition(".localhost:")[0]
        path = wire.decode(request.path)[1:]
        if host and host.partition(":")[0] != "127.0.0.1":
            return host, path
        bucket, _, key = path.partition("/")
        return bucket, key

    def route(self, request, bucket, key):
        names = [n for n, _ in request.query if n not in QUERY and n not in ("X-Amz-Security-Token", "x-id")]
        for method, level, mark, name in self.ROUTES:
            if method != request.method or (level == "k") != bool(key) or (mark is not None and mark not in names):
                continue
            unknown = set(names) - self.ARGUMENTS.get(name, {mark})
            if unknown:
                raise Failure(501, "NotImplemented", f"the peer does not know {sorted(unknown)} of {name}")
            if request.method in ("PUT", "POST") and request.header("content-length") is None:
                raise Failure(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
            if len(key.encode()) > 1024:
                raise Failure(400, "KeyTooLongError", "Your key is too long", MaxSizeAllowed=1024)
            if mark is None and names and set(names) != {"versionId"}:
                continue
            owner, _, verb = name.rpartition(".")
            return getattr(self.uploads if owner else self, "do_" + verb)(request, bucket, key)
        raise Failure(501, "NotImplemented", f"the peer does not know {request.method} {request.target}")

    def ids(self):
        return [("x-amz-request-id", f"PEER{self.store.next():012d}"), ("x-amz-id-2", "peer"), ("Server", "AmazonS3")]

    def failed(self, request, failure):
        headers = self.ids() + failure.headers
        body = element("Error", Code=failure.code, Message=str(failure), **failure.fields, RequestId=headers[0][1], HostId="peer")
        if request.method == "HEAD" or failure.status == 304:
            return wire.Answer(failure.status, headers, b"", failure.code)
        return wire.Answer(failure.status, headers + [("Content-Type", "application/xml")],
                           '<?xml version="1.0" encoding="UTF-8"?>\n' + body, failure.code)

    def xml(self, text, headers=(), status=200):
        text = re.sub(r"^<(\w+)", lambda m: m[0] + (NAMESPACE if m[1] != "Error" else ""), text, count=1)
        return wire.Answer(status, self.ids() + [("Content-Type", "application/xml"), *headers],
                           '<?xml version="1.0" encoding="UTF-8"?>\n' + text)

    # Objects

    def plant(self, bucket, key, data, options):
        fields = {"content_type": "binary/octet-stream", "metadata": options.get("metadata", {}), "kept": {}, "tags": options.get("tags", {}),
                  "storage_class": options.get("class", "STANDARD"), "sse": "AES256", "kms": None, "customer": None}
        return self.create(self.store.bucket(bucket), key, data, fields, {})

    def create(self, bucket, key, data, fields, checksums, etag=None, checksum_type="FULL_OBJECT"):
        """A new current version; without any checksum of the client's, CRC-64/NVME is the service's own."""
        number = self.store.next()
        version = hashlib.sha256(f"version {number}".encode()).hexdigest()[:32] if bucket.versioned else "null"
        if etag is None:
            etag = hashlib.md5(hashed(data)).hexdigest()
            if fields["customer"] or fields["sse"] != "AES256":
                etag = hashlib.md5(f"{number}".encode() + hashed(data)).hexdigest()
        new = Version(key, data, version, self.clock.now(), etag=etag, checksum_type=checksum_type,
                      checksums=checksums or {"crc64nvme": CHECKSUMS["crc64nvme"](hashed(data))}, locked=bucket.options.get("locked", False), **fields)
        bucket.put(new)
        return new

    def describe(self, bucket, found):
        """Headers that a write answers with."""
        headers = [("ETag", quoted(found.etag)), ("x-amz-server-side-encryption", found.sse)]
        if bucket.versioned:
            headers.append(("x-amz-version-id", found.version))
        return headers

    def checksum_headers(self, found):
        return [(f"x-amz-checksum-{n}", v) for n, v in found.checksums.items()] + [("x-amz-checksum-type", found.checksum_type)]

    def find(self, request, bucket, key, version=None):
        """The live object or the version that is asked for."""
        version = request.arg("versionId") if version is None else version
        found = bucket.get(key) if version is None else bucket.find(key, version)
        if version is not None and found is None:
            raise Failure(404, "NoSuchVersion", "The specified version does not exist.", Key=key, VersionId=version)
        if found is None:
            marker = [("x-amz-delete-marker", "true")] if bucket.keys.get(key) else []
            raise Failure(404, "NoSuchKey", "The specified key does not exist.", marker, Key=key)
        if found.marker:
            raise Failure(405, "MethodNotAllowed", "The specified method is not allowed against this resource.", [("x-amz-delete-marker", "true")])
        return found

    def do_put(self, request, bucket, key):
        if request.header("x-amz-copy-source") is not None:
            return self.copy(request, bucket, key)
        checksums = check_body(request)
        check_write(request, bucket.get(key))
        found = self.create(bucket, key, request.body, fields_of(request, self.options["secure"]), checksums)
        return wire.Answer(200, self.ids() + self.describe(bucket, found) + self.checksum_headers(found))

    def do_get(self, request, bucket, key):
        found = self.find(request, bucket, key)
        check_read(request, found)
        if found.customer != customer_key(request, self.options["secure"]):
            raise Failure(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.")
        if request.method == "GET":
            readable(found, self.clock.now())
        else:
            look_at(found, self.options["restore_looks"], self.clock.now())
        headers = self.ids() + self.describe(bucket, found) + [
            ("Last-Modified", self.clock.http_date(found.created)), ("Content-Type", found.content_type), ("Accept-Ranges", "bytes")]
        headers += [(f"x-amz-meta-{n}", v) for n, v in found.metadata.items()] + [(n.title(), v) for n, v in found.kept.items()]
        if found.storage_class != "STANDARD":
            headers.append(("x-amz-storage-class", found.storage_class))
        if found.tags:
            headers.append(("x-amz-tagging-count", str(len(found.tags))))
        state = restore_state(found, self.clock.now())
        if state:
            headers.append(("x-amz-restore", 'ongoing-request="true"' if state == "ongoing" else
                            f'ongoing-request="false", expiry-date="{self.clock.http_date(state)}"'))
        status, data = 200, found.data
        if request.header("range") is not None:
            first, last = self.range(request.header("range"), len(data))
            headers.append(("Content-Range", f"bytes {first}-{last}/{len(data)}"))
            status, data = 206, data[first:last + 1]
        elif request.header("x-amz-checksum-mode") == "ENABLED":
            headers += self.checksum_headers(found)
        if request.method == "HEAD":
            return wire.Answer(status, headers + [("Content-Length", str(len(data)))])
        return wire.Answer(status, headers, data)

    def range(self, text, size):
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
        if match and (match[1] or match[2]):
            first = int(match[1]) if match[1] else max(0, size - int(match[2]))
            last = min(size - 1, int(match[2])) if match[1] and match[2] else size - 1
            if first <= last and first < size:
                return first, last
        raise Failure(416, "InvalidRange", "The requested range is not satisfiable", [("Content-Range", f"bytes */{size}")],
                      RangeRequested=text, ActualObjectSize=size)

    def do_delete(self, request, bucket, key):
        version, only = request.arg("versionId"), request.header("if-match")
        if only is not None and self.options["delete_conditions"]:
            if version is not None:
                raise Failure(501, "NotImplemented", "conditions judge the current version only")
            found = bucket.get(key)
            if found is None:
                raise Failure(404, "NoSuchKey", "The specified key does not exist.", Key=key)
            if only != "*" and only not in (quoted(found.etag), found.etag):
                raise Failure(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", Condition="If-Match")
        return wire.Answer(204, self.ids() + self.remove(bucket, key, version))

    def remove(self, bucket, key, version):
        if version is not None:
            found = bucket.find(key, version)
            if found is not None and found.__dict__.get("locked"):
                raise Failure(403, "AccessDenied", "Access Denied because object protected by object lock.")
            if found is not None:
                bucket.drop(key, found)
                left = bucket.keys.get(key)
                if left:
                    left[-1].deleted = None
            return [("x-amz-version-id", version)] + ([("x-amz-delete-marker", "true")] if found is not None and found.marker else [])
        if not bucket.versioned:
            if bucket.get(key) is not None and bucket.get(key).__dict__.get("locked"):
                raise Failure(403, "AccessDenied", "Access Denied because object protected by object lock.")
            bucket.drop(key)
            return []
        name = hashlib.sha256(f"marker {self.store.next()}".encode()).hexdigest()[:32]
        bucket.put(Version(key, b"", name, self.clock.now(), marker=True, etag=""))
        return [("x-amz-version-id", name), ("x-amz-delete-marker", "true")]

    def do_delete_many(self, request, bucket, _key):
        if not check_body(request) and request.header("content-md5") is None:
            raise Failure(400, "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
        root, results = parse_xml(request.body), []
        items = root.findall("Object")
        if root.tag != "Delete" or not 1 <= len(items) <= 1000:
            raise Failure(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
        for item in items:
            key, version, etag = item.findtext("Key"), item.findtext("VersionId"), item.findtext("ETag")
            found = bucket.get(key)
            try:
                if etag is not None and found is None:
                    raise Failure(404, "NoSuchKey", "The specified key does not exist.")
                if etag is not None and etag not in ("*", found.etag, quoted(found.etag)):
                    raise Failure(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
                self.remove(bucket, key, version)
                if root.findtext("Quiet") != "true":
                    results.append(element("Deleted", Key=key, VersionId=version))
            except Failure as failure:
                results.append(element("Error", Key=key, VersionId=version, Code=failure.code, Message=str(failure)))
        return self.xml(element("DeleteResult", *results))

    def source(self, request):
        """The pinned, readable source of a copy, its conditions judged."""
        text = request.header("x-amz-copy-source")
        path, _, query = text.partition("?")
        match = re.fullmatch(r"/?([^/]+)/(.+)", wire.decode(path), re.S)
        version = re.fullmatch(r"versionId=(.+)", query)
        if not match or (query and not version):
            raise Failure(400, "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", ArgumentName="x-amz-copy-source")
        if match[1] not in self.store.buckets:
            raise Failure(404, "NoSuchBucket", "The specified bucket does not exist")
        bucket = self.store.buckets[match[1]]
        found = bucket.find(match[2], version[1]) if version else bucket.get(match[2])
        if found is None or found.marker:
            raise Failure(404, "NoSuchKey", "The specified key does not exist.", Key=match[2])
        check_read(request, found, "x-amz-copy-source-", 412)
        readable(found, self.clock.now())
        return bucket, found

    def copy(self, request, bucket, key):
        if request.body:
            raise Failure(400, "InvalidRequest", "A copy has no body")
        origin, found = self.source(request)
        directive, tagging = request.header("x-amz-metadata-directive", "COPY"), request.header("x-amz-tagging-directive", "COPY")
        if directive not in ("COPY", "REPLACE") or tagging not in ("COPY", "REPLACE"):
            raise Failure(400, "InvalidArgument", "Unknown metadata directive.")
        fields = fields_of(request, self.options["secure"])
        if directive == "COPY":
            fields.update(content_type=found.content_type, metadata=found.metadata, kept=found.kept)
        if tagging == "COPY":
            fields["tags"] = found.tags
        if found is bucket.get(key) and directive == "COPY" and fields["storage_class"] == found.storage_class:
            raise Failure(400, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing "
                          "the object's metadata, storage class, website redirect location or encryption attributes.")
        if len(found.data) > self.options["copy_max_bytes"]:
            raise Failure(400, "InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
        algorithm = request.header("x-amz-checksum-algorithm", "").lower()
        if algorithm and algorithm not in CHECKSUMS:
            raise Failure(400, "InvalidRequest", "Checksum algorithm provided is unsupported.")
        names = [algorithm] if algorithm else list(found.checksums) if found.checksum_type == "FULL_OBJECT" else ["crc64nvme"]
        check_write(request, bucket.get(key))
        new = self.create(bucket, key, found.data, fields, {n: CHECKSUMS[n](found.data) for n in names})
        headers = self.describe(bucket, new)[1:] + ([("x-amz-copy-source-version-id", found.version)] if origin.versioned else [])
        return self.xml(element("CopyObjectResult", ETag=quoted(new.etag), LastModified=iso(new.created), ChecksumType="FULL_OBJECT",
                                **{"Checksum" + n.upper(): v for n, v in new.checksums.items()}), headers)

    def do_restore(self, request, bucket, key):
        check_body(request)
        return wire.Answer(restore(request, self.find(request, bucket, key), self.clock.now()), self.ids())

    def do_tags(self, request, bucket, key):
        found = self.find(request, bucket, key)
        return self.xml(element("Tagging", element("TagSet", *(element("Tag", Key=n, Value=v) for n, v in found.tags.items()))))

    def do_put_tags(self, request, bucket, key):
        found = self.find(request, bucket, key)
        if request.method == "DELETE":
            found.tags = {}
            return wire.Answer(204, self.ids())
        check_body(request)
        pairs = [(t.findtext("Key", ""), t.findtext("Value", "")) for t in parse_xml(request.body).iter("Tag")]
        found.tags = tags_of(urllib.parse.urlencode(pairs))
        return wire.Answer(200, self.ids())

    # Buckets

    def do_head_bucket(self, request, bucket, _key):
        return wire.Answer(200, self.ids() + [("x-amz-bucket-region", bucket.options.get("region", self.options["region"]))])

    def do_location(self, request, bucket, _key):
        region = bucket.options.get("region", self.options["region"])
        return self.xml(element("LocationConstraint") if region == "us-east-1" else f"<LocationConstraint>{region}</LocationConstraint>")

    def do_versioning(self, request, bucket, _key):
        return self.xml(element("VersioningConfiguration", Status="Enabled" if bucket.versioned else None))

    def encoder(self, request):
        """How keys are written in a listing."""
        kind = request.arg("encoding-type")
        if kind not in (None, "url"):
            raise Failure(400, "InvalidArgument", "Invalid Encoding Method specified in Request")
        return (lambda text: urllib.parse.quote_plus(text, safe="/*-._")) if kind else (lambda text: text)

    def limit(self, request, name):
        text = request.arg(name, "1000")
        if not text.isdigit() or int(text) > 2147483647:
            raise Failure(400, "InvalidArgument", f"Provided {name} not an integer or within integer range")
        return min(int(text), 1000, self.options["page_max"])

    def do_list(self, request, bucket, _key):
        if request.arg("list-type") != "2":
            raise Failure(501, "NotImplemented", "only ListObjectsV2")
        prefix, delimiter, encode = request.arg("prefix", ""), request.arg("delimiter", ""), self.encoder(request)
        limit, after = self.limit(request, "max-keys"), request.arg("start-after", "").encode()
        token = request.arg("continuation-token")
        if token is not None:
            try:
                after = bytes.fromhex(token.removeprefix("1peer"))
                assert token.startswith("1peer")
            except (ValueError, AssertionError):
                raise Failure(400, "InvalidArgument", "The continuation token provided is incorrect") from None
        rows, folded, more = [], set(), False
        for found in bucket.current():
            key = found.key.encode()
            cut = found.key.find(delimiter, len(prefix)) if delimiter else -1
            group = found.key[:cut + len(delimiter)] if cut >= 0 else None
            if not key.startswith(prefix.encode()) or key <= after or group in folded or (group and after.startswith(group.encode())):
                continue
            if len(rows) == limit:
                more = limit > 0
                break
            if group is not None:
                folded.add(group)
                rows.append((group.encode() + b"\xff", element("CommonPrefixes", Prefix=encode(group))))
                continue
            state = restore_state(found, self.clock.now())
            status = [] if not state or request.header("x-amz-optional-object-attributes") != "RestoreStatus" else \
                [element("RestoreStatus", IsRestoreInProgress=str(state == "ongoing").lower(), RestoreExpiryDate=None if state == "ongoing" else iso(state))]
            rows.append((key, element("Contents", *[element("Owner", ID=OWNER)] * (request.arg("fetch-owner") == "true"), *status,
                                      Key=encode(found.key), LastModified=iso(found.created), ETag=quoted(found.etag), Size=len(found.data),
                                      StorageClass=found.storage_class, ChecksumAlgorithm=next(iter(found.checksums)).upper(),
                                      ChecksumType=found.checksum_type)))
        page = element("ListBucketResult", *(text for _, text in rows), Name=bucket.name, Prefix=encode(prefix), MaxKeys=limit, KeyCount=len(rows),
                       IsTruncated=str(more).lower(), EncodingType=request.arg("encoding-type"), Delimiter=encode(delimiter) or None,
                       ContinuationToken=token, NextContinuationToken="1peer" + rows[-1][0].hex() if more else None)
        return self.xml(page)

    def do_list_versions(self, request, bucket, _key):
        prefix, encode, limit = request.arg("prefix", ""), self.encoder(request), self.limit(request, "max-keys")
        marker, version = request.arg("key-marker"), request.arg("version-id-marker")
        every = [(k, v) for k in sorted(bucket.keys, key=str.encode) if k.startswith(prefix) for v in reversed(bucket.keys[k])]
        if marker is not None:
            passed = [i for i, (k, v) in enumerate(every) if k.encode() < marker.encode() or (k == marker and (version is None or v.version == version))]
            every = every[passed[-1] + 1:] if passed else every
        rows, more = every[:limit], len(every) > limit
        texts = [element("DeleteMarker" if v.marker else "Version", Key=encode(k), VersionId=v.version,
                         IsLatest=str(bucket.keys[k][-1] is v).lower(), LastModified=iso(v.created), ETag=None if v.marker else quoted(v.etag),
                         Size=None if v.marker else len(v.data), StorageClass=None if v.marker else v.storage_class) for k, v in rows]
        return self.xml(element("ListVersionsResult", *texts, Name=bucket.name, Prefix=encode(prefix), MaxKeys=limit, IsTruncated=str(more).lower(),
                                EncodingType=request.arg("encoding-type"), KeyMarker=encode(marker or ""), VersionIdMarker=version or "",
                                NextKeyMarker=encode(rows[-1][0]) if more else None, NextVersionIdMarker=rows[-1][1].version if more else None))
