"""The Azure peer: block blobs, blocks, copies, tiers, leases, versions, listings, at http://HOST/ACCOUNT/CONTAINER/BLOB.

Sources are named in README.md. What the real service would refuse is refused with its code; a header, parameter or call
that this file does not know is 501 and logged.
"""
import re
import time
import urllib.parse
from xml.sax.saxutils import escape

import digest
import faults
import wire
from azure_block import Blocks
from azure_object import (PROPERTIES, REHYDRATE, check_conditions, check_digest, check_headers, check_lease, etag_of, fields_of, lease,
                          lease_state, look_at, metadata_of, parse_xml, readable, rfc1123, set_tier, settle, tags_of)
from azure_sign import SAS, Authority, Failure
from store import Store, Version

PUT_MAX = 5000 * 1024 * 1024
CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


class Dialect:
    def __init__(self, clock, endpoint, directory):
        self.clock = clock
        self.store = Store()
        self.options = {"page_max": 5000, "secure": False, "copy_pending": False, "put_max_bytes": PUT_MAX, "empty_pages": False,
                        "restore_looks": 3, "spoil_copies": ""}
        self.authority = Authority(clock, self.options)
        self.endpoint = f"{endpoint}/{self.authority.account}"
        self.token_uri = f"{endpoint}/{self.authority.tenant}/oauth2/v2.0/token"
        self.blocks = Blocks(self)

    def credentials(self):
        a = self.authority
        return {"endpoint": self.endpoint, "account": a.account, "account_key": a.key, "token_uri": self.token_uri,
                "tenant_id": a.tenant, "client_id": a.client, "client_secret": a.secret, "client_assertion": a.assertion}

    def set_options(self, options):
        self.authority.lifetime = options.pop("token_lifetime_s", self.authority.lifetime)
        for name, value in options.items():
            self.options[name] = type(self.options[name])(value)

    def forget(self):
        self.blocks.waiting.clear()

    # Faults

    def fault_status(self, request, fault):
        code = {500: "InternalError", 503: "ServerBusy", 429: "ServerBusy", 504: "OperationTimedOut", 408: "OperationTimedOut"}.get(fault["status"], "InternalError")
        return self.failed(request, Failure(fault["status"], fault.get("code", code), "Injected."))

    def fault_expired(self, request):
        self.authority.tokens.pop(request.header("authorization", "").partition(" ")[2], None)
        if request.header("authorization", "").startswith("Bearer"):
            return self.failed(request, Failure(401, "InvalidAuthenticationInfo", "Lifetime validation failed. The token is expired."))
        return self.failed(request, Failure(403, "AuthenticationFailed", "Server failed to authenticate the request."))

    def fault_error_200(self, request):
        """A copy that is accepted and then fails; elsewhere the service has no errors inside a 2xx."""
        if request.header("x-ms-copy-source") is not None and request.header("x-ms-blob-type") is None and not request.has("comp"):
            return wire.Answer(202, self.ids() + [("x-ms-copy-id", "peer-failed"), ("x-ms-copy-status", "failed"), ("ETag", '"0x8D0"')], code="failed copy")
        return self.failed(request, Failure(500, "InternalError", "Injected."))

    def fault_stale(self, request):
        container, key = self.address(request)
        if request.method not in ("GET", "HEAD") or not key or request.method == "GET" and not request.query:
            return None
        return self.store.as_before(container, key, lambda: self.handle(request))

    def partial(self, request):
        """A request that broke leaves nothing."""

    def flippable(self, request):
        return 0, len(request.body)

    # Requests

    ROUTES = (("GET", "c", "container", "list", "list", "l"), ("GET", "c", "container", None, "container", "rl"), ("HEAD", "c", "container", None, "container", "rl"),
              ("PUT", "b", None, "block", "blocks.put", "wc"), ("PUT", "b", None, "blocklist", "blocks.commit", "wc"),
              ("GET", "b", None, "blocklist", "blocks.list", "r"), ("PUT", "b", None, "tier", "tier", "w"), ("PUT", "b", None, "lease", "lease", "w"),
              ("PUT", "b", None, "metadata", "metadata", "w"), ("PUT", "b", None, "properties", "properties", "w"), ("PUT", "b", None, "snapshot", "snapshot", "wc"),
              ("GET", "b", None, "tags", "tags", "t"), ("PUT", "b", None, "tags", "put_tags", "t"),
              ("GET", "b", None, None, "get", "r"), ("HEAD", "b", None, None, "get", "r"), ("PUT", "b", None, None, "put", "wc"), ("DELETE", "b", None, None, "delete", "dx"))
    ARGUMENTS = {"list": {"prefix", "delimiter", "marker", "maxresults", "include"}, "blocks.put": {"blockid"}, "blocks.list": {"blocklisttype"},
                 "get": {"versionid", "snapshot"}, "delete": {"versionid", "snapshot"}, "tier": {"versionid"}, "tags": {"versionid"}, "put_tags": {"versionid"}}

    def handle(self, request):
        try:
            if request.path == urllib.parse.urlsplit(self.token_uri).path and request.method == "POST":
                return self.authority.token(request)
            container, key = self.address(request)
            return self.route(request, container, key)
        except Failure as failure:
            return self.failed(request, failure)

    def address(self, request):
        account, _, rest = wire.decode(request.path)[1:].partition("/")
        container, _, key = rest.partition("/")
        return (container, key) if account == self.authority.account else (None, "")

    def route(self, request, container, key):
        kind, restype, comp = "b" if key else "c", request.arg("restype"), request.arg("comp")
        for method, level, wanted, part, name, need in self.ROUTES:
            if (method, level, wanted, part) != (request.method, kind, restype, comp):
                continue
            unknown = {n for n, _ in request.query} - self.ARGUMENTS.get(name, set()) - {"comp", "restype", "timeout"} - SAS
            if unknown:
                raise Failure(501, "NotImplemented", f"the peer does not know {sorted(unknown)} of {name}")
            self.authority.check(request, need, f"{container}/{key}" if key else container, kind)
            check_headers(request)
            if container not in self.store.buckets:
                raise Failure(404, "ContainerNotFound", "The specified container does not exist.")
            if request.method == "PUT" and request.header("content-length") is None:
                raise Failure(411, "MissingContentLengthHeader", "Content-Length")
            if len(key) > 1024 or key.count("/") > 253:
                raise Failure(400, "OutOfRangeInput", "One of the request inputs is out of range.")
            owner, _, verb = name.rpartition(".")
            return getattr(self.blocks if owner else self, "do_" + verb)(request, self.store.buckets[container], key)
        raise Failure(501, "NotImplemented", f"the peer does not know {request.method} {request.target}")

    def ids(self):
        return [("x-ms-request-id", f"00000000-peer-0000-0000-{self.store.next():012d}"), ("x-ms-version", "2026-04-06"), ("Server", "Windows-Azure-Blob/1.0")]

    def failed(self, request, failure):
        headers = self.ids() + failure.headers + [("x-ms-error-code", failure.code)]
        if request.method == "HEAD" or failure.status == 304:
            return wire.Answer(failure.status, headers, b"", failure.code)
        detail = f"<AuthenticationErrorDetail>{escape(failure.detail)}</AuthenticationErrorDetail>" if failure.detail else ""
        body = f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{failure.code}</Code><Message>{escape(str(failure))}\n' \
            f"RequestId:{headers[0][1]}\nTime:{rfc1123(self.clock.now())}</Message>{detail}</Error>"
        return wire.Answer(failure.status, headers + [("Content-Type", "application/xml")], body, failure.code)

    # Blobs

    def plant(self, container, key, data, options):
        fields = {"properties": {"Content-Type": "application/octet-stream"}, "metadata": options.get("metadata", {}), "tags": {},
                  "storage_class": options.get("class", "Hot"), "inferred": True}
        return self.create(self.store.bucket(container), key, data, fields, options.get("md5", digest.md5_b64(data)))

    def create(self, container, key, data, fields, md5):
        old, now, number = container.get(key), self.clock.now(), self.store.next()
        name = rfc_version(now, number)
        new = Version(key, data, name, old.created if old is not None else now, etag=etag_of(number), version_number=number, modified=now, md5=md5,
                      lease=old.lease if old is not None else None, rehydrating=None, copy=None, snapshots=old.snapshots if old is not None else 0,
                      blocks=[], tier_changed=now, **fields)
        container.put(new)
        return new

    def live(self, request, container, key):
        """The blob that a request means; 404 when there is none."""
        version = request.arg("versionid")
        if request.has("snapshot"):
            raise Failure(501, "NotImplemented", "reading snapshots")
        found = container.get(key) if version is None else container.find(key, version)
        if found is None:
            raise Failure(404, "BlobNotFound", "The specified blob does not exist.")
        return settle(found, self.clock.now())

    def target(self, request, container, key):
        """What a write meets: the live blob or None; conditions, lease and policy judged."""
        found = container.get(key)
        if found is not None:
            settle(found, self.clock.now())
        check_conditions(request, found, writes=True)
        check_lease(request, found, self.clock.now())
        if found is not None and container.options.get("immutable"):
            raise Failure(409, "BlobImmutableDueToPolicy", "This operation is not permitted as the blob is immutable due to a policy.")
        if found is not None and found.storage_class == "Archive":
            raise Failure(409, "BlobArchived", "This operation is not permitted on an archived blob.")
        return found

    def written(self, container, found, *headers):
        return self.ids() + [("ETag", f'"{found.etag}"'), ("Last-Modified", rfc1123(found.modified)), ("x-ms-request-server-encrypted", "true"),
                             *([("x-ms-version-id", found.version)] if container.versioned else []), *headers]

    def do_put(self, request, container, key):
        kind, source = request.header("x-ms-blob-type"), request.header("x-ms-copy-source")
        if kind is None and source is None:
            raise Failure(400, "MissingRequiredHeader", "x-ms-blob-type")
        if kind not in (None, "BlockBlob"):
            raise Failure(501, "NotImplemented", f"blob type {kind}")
        if source is not None:
            return self.copy(request, container, key, kind)
        if len(request.body) > self.options["put_max_bytes"]:
            raise Failure(413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.")
        check_digest(request.body, request.header("content-md5"), request.header("x-ms-content-crc64"))
        check_digest(request.body, request.header("x-ms-blob-content-md5"), None)
        self.target(request, container, key)
        fields = fields_of(request)
        self.blocks.discard(container, key)
        found = self.create(container, key, request.body, fields, request.header("x-ms-blob-content-md5") or digest.md5_b64(request.body))
        return wire.Answer(201, self.written(container, found, ("Content-MD5", digest.md5_b64(request.body)),
                                             ("x-ms-content-crc64", digest.crc64_azure_b64(request.body))))

    def source(self, request):
        """The blob that a copy reads, by its URL: readable for who holds a SAS or a token for it."""
        url = urllib.parse.urlsplit(request.header("x-ms-copy-source"))
        own = urllib.parse.urlsplit(self.endpoint)
        if url.netloc != own.netloc or not url.path.startswith(own.path + "/"):
            raise Failure(501, "NotImplemented", "the peer copies from itself only")
        path = wire.decode(url.path)[len(own.path) + 1:]
        container, _, key = path.partition("/")
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        scheme, _, token = request.header("x-ms-copy-source-authorization", "").partition(" ")
        try:
            if "sig" in query:
                self.authority.check_sas(query, "r", path, "b")
            elif scheme != "Bearer" or self.authority.tokens.get(token, 0) <= self.clock.now():
                raise Failure(401, "NoAuthenticationInformation")
        except Failure as failure:
            raise Failure(failure.status, "CannotVerifyCopySource", "Server failed to authenticate the request of the copy source: " + failure.code) from None
        bucket = self.store.buckets.get(container)
        found = bucket and (bucket.find(key, query["versionid"]) if "versionid" in query else bucket.get(key))
        if not found:
            raise Failure(404, "CannotVerifyCopySource", "The specified blob does not exist.")
        settle(found, self.clock.now())
        check_conditions(request, found, "x-ms-source-")
        return found

    def copied(self, data):
        """The bytes that a copy has, and those of which it tells digests: setting spoil_copies, "told" or "untold"."""
        how = self.options["spoil_copies"]
        spoilt = faults.flip(data, 0) if how else data
        return spoilt, data if how == "untold" else spoilt

    def copy(self, request, container, key, kind):
        """Put Blob From URL (with a blob type) answers when it is done; Copy Blob is accepted and may be pending."""
        if request.body:
            raise Failure(400, "InvalidHeaderValue", "Content-Length")
        found = self.source(request)
        fields = fields_of(request)
        if kind is not None:
            readable(found)
            if len(found.data) > self.options["put_max_bytes"]:
                raise Failure(409, "InvalidSourceBlobSize", "The source blob is too large")
            check_digest(found.data, request.header("x-ms-source-content-md5"), request.header("x-ms-source-content-crc64"))
        elif found.storage_class == "Archive" and (fields["inferred"] or fields["storage_class"] == "Archive"):
            raise Failure(409, "BlobArchived", "This operation is not permitted on an archived blob.")
        self.target(request, container, key)
        if request.header("x-ms-copy-source-tag-option") == "COPY":
            fields["tags"] = dict(found.tags)
        own = {shown: request.header(name) for name, shown in PROPERTIES.items() if request.header(name) is not None}
        keep = kind is None or request.header("x-ms-copy-source-blob-properties", "true") == "true"
        fields["properties"] = {**(found.properties if keep else {"Content-Type": "application/octet-stream"}), **own}
        fields["metadata"] = fields["metadata"] or dict(found.metadata)
        if fields["inferred"] and kind is None:
            fields["storage_class"], fields["inferred"] = found.storage_class, found.inferred
        self.blocks.discard(container, key)
        slow = kind is None and (found.storage_class == "Archive" or self.options["copy_pending"])
        data, told = self.copied(found.data)
        new = self.create(container, key, b"" if slow else data, fields, found.md5 if kind is None else digest.md5_b64(told))
        if kind is not None:
            return wire.Answer(201, self.written(container, new, ("Content-MD5", digest.md5_b64(told)), ("x-ms-copy-status", "success"),
                                                 ("x-ms-content-crc64", digest.crc64_azure_b64(told))))
        new.copy = {"id": f"00000000-copy-0000-0000-{new.version_number:012d}", "status": "pending" if slow else "success",
                    "source": request.header("x-ms-copy-source").partition("?")[0], "size": len(found.data)}
        if slow:
            seconds = REHYDRATE[request.header("x-ms-rehydrate-priority", "Standard")] if found.storage_class == "Archive" else 60
            new.rehydrating = {"tier": new.storage_class, "ready": self.clock.now() + seconds, "priority": "Standard", "data": found.data}
        return wire.Answer(202, self.written(container, new, ("x-ms-copy-id", new.copy["id"]), ("x-ms-copy-status", new.copy["status"])))

    def headers_of(self, container, found):
        now = self.clock.now()
        headers = self.ids() + [("Last-Modified", rfc1123(found.modified)), ("ETag", f'"{found.etag}"'), ("x-ms-blob-type", "BlockBlob"),
                                ("x-ms-creation-time", rfc1123(found.created)), ("x-ms-lease-state", lease_state(found, now)),
                                ("x-ms-lease-status", "locked" if lease_state(found, now) == "leased" else "unlocked"), ("x-ms-server-encrypted", "true"),
                                ("x-ms-access-tier", found.storage_class), ("Accept-Ranges", "bytes")]
        headers += [(n, v) for n, v in found.properties.items()] + [("x-ms-meta-" + n, v) for n, v in found.metadata.items()]
        if found.inferred:
            headers.append(("x-ms-access-tier-inferred", "true"))
        if found.rehydrating is not None and found.storage_class == "Archive":
            headers += [("x-ms-archive-status", "rehydrate-pending-to-" + found.rehydrating["tier"].lower()), ("x-ms-rehydrate-priority", found.rehydrating["priority"])]
        if found.copy is not None:
            done = found.copy["size"] if found.copy["status"] == "success" else 0
            headers += [("x-ms-copy-id", found.copy["id"]), ("x-ms-copy-status", found.copy["status"]), ("x-ms-copy-source", found.copy["source"]),
                        ("x-ms-copy-progress", f"{done}/{found.copy['size']}")]
        if found.tags:
            headers.append(("x-ms-tag-count", str(len(found.tags))))
        if container.versioned:
            headers += [("x-ms-version-id", found.version)] + ([("x-ms-is-current-version", "true")] if container.get(found.key) is found else [])
        return headers

    def do_get(self, request, container, key):
        found = self.live(request, container, key)
        check_conditions(request, found)
        if request.header("x-ms-lease-id") is not None:
            check_lease(request, found, self.clock.now())
        if request.method == "HEAD":
            look_at(found, self.options["restore_looks"], self.clock.now())
        headers, data, text = self.headers_of(container, found), found.data, request.header("x-ms-range", request.header("range"))
        if request.method == "HEAD":
            headers += [("Content-MD5", found.md5)] if found.md5 else []
            return wire.Answer(200, headers + [("Content-Length", str(len(data)))])
        readable(found)
        ranged = [request.header(n) == "true" for n in ("x-ms-range-get-content-md5", "x-ms-range-get-content-crc64")]
        if text is None:
            if any(ranged):
                raise Failure(400, "InvalidHeaderValue", "a digest of a range without a range")
            return wire.Answer(200, headers + ([("Content-MD5", found.md5)] if found.md5 else []), data)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", text)
        if not match:
            raise Failure(400, "InvalidHeaderValue", "Range")
        first, last = int(match[1]), min(len(data) - 1, int(match[2]) if match[2] else len(data) - 1)
        if first >= len(data) or first > last:
            raise Failure(416, "InvalidRange", "The range specified is invalid for the current size of the resource.", [("Content-Range", f"bytes */{len(data)}")])
        part = data[first:last + 1]
        if any(ranged) and (all(ranged) or len(part) > 4 * 1024 * 1024):
            raise Failure(400, "InvalidHeaderValue", "digests of ranges up to 4 MiB, one at a time")
        headers += [("Content-MD5", digest.md5_b64(part))] if ranged[0] else []
        headers += [("x-ms-content-crc64", digest.crc64_azure_b64(part))] if ranged[1] else []
        headers += [("x-ms-blob-content-md5", found.md5)] if found.md5 else []
        return wire.Answer(206, headers + [("Content-Range", f"bytes {first}-{last}/{len(data)}")], part)

    def do_delete(self, request, container, key):
        found = self.live(request, container, key)
        check_conditions(request, found)
        check_lease(request, found, self.clock.now())
        if container.options.get("immutable"):
            raise Failure(409, "BlobImmutableDueToPolicy", "This operation is not permitted as the blob is immutable due to a policy.")
        if request.header("x-ms-delete-snapshots") is not None:
            raise Failure(501, "NotImplemented", "deleting snapshots")
        if found.snapshots:
            raise Failure(409, "SnapshotsPresent", "This operation is not permitted because the blob has snapshots.")
        if container.versioned and not request.has("versionid"):
            container.remember(key)
            found.deleted = self.clock.now()
        else:
            container.drop(key, found if request.has("versionid") else None)
        self.blocks.discard(container, key)
        return wire.Answer(202, self.ids() + [("x-ms-delete-type-permanent", str(not container.versioned).lower())])

    def touch(self, found):
        found.etag, found.modified = etag_of(self.store.next()), self.clock.now()

    def do_metadata(self, request, container, key):
        found = self.live(request, container, key)
        metadata = metadata_of(request)
        self.target(request, container, key)
        container.remember(key)
        found.metadata = metadata
        self.touch(found)
        return wire.Answer(200, self.written(container, found))

    def do_properties(self, request, container, key):
        found = self.live(request, container, key)
        properties = {shown: request.header(name) for name, shown in PROPERTIES.items() if request.header(name) is not None}
        self.target(request, container, key)
        found.properties, found.md5 = properties, request.header("x-ms-blob-content-md5", "")
        self.touch(found)
        return wire.Answer(200, self.written(container, found))

    def do_tier(self, request, container, key):
        """Set Blob Tier changes neither ETag nor Last-Modified, and knows conditions on tags only."""
        if any(n in CONDITIONS for n, _ in request.headers):
            raise Failure(400, "UnsupportedHeader", "One of the headers specified in the request is not supported.")
        found = self.live(request, container, key)
        check_lease_id(request, found, self.clock.now())
        return wire.Answer(set_tier(request, found, self.clock.now()), self.ids())

    def do_lease(self, request, container, key):
        found = self.live(request, container, key)
        check_conditions(request, found)
        status, headers = lease(request, found, self.clock.now())
        return wire.Answer(status, self.written(container, found, *headers))

    def do_snapshot(self, request, container, key):
        found = self.live(request, container, key)
        check_conditions(request, found)
        found.snapshots += 1
        return wire.Answer(201, self.written(container, found, ("x-ms-snapshot", rfc_version(self.clock.now(), self.store.next()))))

    def do_tags(self, request, container, key):
        found = self.live(request, container, key)
        tags = "".join(f"<Tag><Key>{escape(n)}</Key><Value>{escape(v)}</Value></Tag>" for n, v in found.tags.items())
        return self.xml(f"<Tags><TagSet>{tags}</TagSet></Tags>")

    def do_put_tags(self, request, container, key):
        found = self.live(request, container, key)
        check_digest(request.body, request.header("content-md5"), request.header("x-ms-content-crc64"))
        pairs = [(t.findtext("Key", ""), t.findtext("Value", "")) for t in parse_xml(request.body).iter("Tag")]
        found.tags = tags_of(urllib.parse.urlencode(pairs))
        return wire.Answer(204, self.ids())

    # Containers

    def xml(self, text):
        return wire.Answer(200, self.ids() + [("Content-Type", "application/xml")], '\ufeff<?xml version="1.0" encoding="utf-8"?>' + text)

    def do_container(self, request, container, _key):
        return wire.Answer(200, self.ids() + [("ETag", '"0x8D000"'), ("x-ms-lease-state", "available"),
                                              ("x-ms-has-immutability-policy", str(bool(container.options.get("immutable"))).lower()),
                                              ("x-ms-immutable-storage-with-versioning-enabled", "false")])

    def do_list(self, request, container, _key):
        include = set(filter(None, request.arg("include", "").split(",")))
        if include - {"metadata", "tags", "copy", "uncommittedblobs", "versions"}:
            raise Failure(501, "NotImplemented", f"include={sorted(include)}")
        prefix, delimiter, limit = request.arg("prefix", ""), request.arg("delimiter", ""), request.arg("maxresults", "5000")
        if not limit.isdigit() or not int(limit):
            raise Failure(400, "OutOfRangeQueryParameterValue", "maxresults")
        limit, marker = min(int(limit), self.options["page_max"], 5000), request.arg("marker", "")
        after = b""
        if marker:
            try:
                after = bytes.fromhex(marker.removeprefix("2!peer!"))
            except ValueError:
                raise Failure(400, "OutOfRangeInput", "marker") from None
        entries = [(settle(f, self.clock.now()), True) for f in container.current()]
        if "versions" in include:
            entries = [(f, container.get(k) is f) for k in sorted(container.keys, key=str.encode) for f in container.keys[k]]
        if "uncommittedblobs" in include:
            entries = sorted(entries + [(f, False) for f in self.blocks.uncommitted(container)], key=lambda e: e[0].key.encode())
        rows, folded, more, last = [], set(), False, after
        if self.options["empty_pages"] and not marker:
            return self.page(request, container, [], "2!peer!")
        for found, current in entries:
            place = found.key.encode() + (b"\0" + found.version.encode() if "versions" in include else b"")
            cut = found.key.find(delimiter, len(prefix)) if delimiter else -1
            group = found.key[:cut + len(delimiter)] if cut >= 0 else None
            if not found.key.startswith(prefix) or place <= after or group in folded:
                continue
            if len(rows) == limit:
                more = True
                break
            if group is not None:
                folded.add(group)
                rows.append(f"<BlobPrefix>{name_of(group)}</BlobPrefix>")
                last = group.encode() + b"\xff"
                continue
            last = place
            rows.append(self.entry(container, found, current, include))
        return self.page(request, container, rows, "2!peer!" + last.hex() if more else "")

    def page(self, request, container, rows, following):
        texts = "".join(f"<{t}>{escape(request.arg(n))}</{t}>" for t, n in (("Prefix", "prefix"), ("Marker", "marker"), ("MaxResults", "maxresults"),
                                                                             ("Delimiter", "delimiter")) if request.arg(n))
        return self.xml(f'<EnumerationResults ServiceEndpoint="{self.endpoint}" ContainerName="{container.name}">{texts}<Blobs>{"".join(rows)}</Blobs>'
                        + (f"<NextMarker>{following}</NextMarker>" if following else "<NextMarker />") + "</EnumerationResults>")

    def entry(self, container, found, current, include):
        rows = {"Creation-Time": rfc1123(found.created), "Last-Modified": rfc1123(found.modified), "Etag": found.etag,
                "Content-Length": len(found.data), **{n: found.properties.get(n, "") for n in PROPERTIES.values()}, "Content-MD5": found.md5,
                "BlobType": "BlockBlob", "AccessTier": found.storage_class}
        if found.inferred:
            rows["AccessTierInferred"] = "true"
        if found.rehydrating is not None and found.storage_class == "Archive":
            rows["ArchiveStatus"] = "rehydrate-pending-to-" + found.rehydrating["tier"].lower()
        rows.update({"LeaseStatus": "locked" if lease_state(found, self.clock.now()) == "leased" else "unlocked",
                     "LeaseState": lease_state(found, self.clock.now()), "ServerEncrypted": "true"})
        text = "".join(f"<{n}>{escape(str(v))}</{n}>" if v != "" else f"<{n} />" for n, v in rows.items())
        metadata = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in found.metadata.items())
        version = f"<VersionId>{found.version}</VersionId>" + ("<IsCurrentVersion>true</IsCurrentVersion>" if current else "") if container.versioned else ""
        return f"<Blob>{name_of(found.key)}{version}<Properties>{text}</Properties>" + (f"<Metadata>{metadata}</Metadata>" if "metadata" in include else "") + \
            "<OrMetadata /></Blob>"


def check_lease_id(request, found, now):
    if lease_state(found, now) == "leased" and request.header("x-ms-lease-id") != found.lease["id"]:
        raise Failure(412, "LeaseIdMissing", "There is currently a lease on the blob and no lease ID was specified in the request.")


def name_of(key):
    """Names that XML cannot hold are percent-encoded, and say so."""
    if re.search("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", key):
        return f'<Name Encoded="true">{urllib.parse.quote(key, safe="")}</Name>'
    return f"<Name>{escape(key)}</Name>"


def rfc_version(now, number):
    """A version or snapshot id: a time with seven decimals."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(now)) + f"{number:07d}Z"
