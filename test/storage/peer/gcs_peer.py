"""The GCS peer: JSON API, with every precondition, digest and protocol rule that the service has.

Sources are named in README.md. What the real service would refuse is refused here with its reason; what this file does
not know (a parameter, a field, a path) is 501 and logged, so that a driver cannot lean on something untested.
"""
import base64
import gzip
import json
import re
import urllib.parse

import digest
import wire
from gcs_object import (FLAGS, LARGEST, PRECONDITIONS, TEXTS, Failure, check_digests, check_hold, check_metadata, check_name,
                        condition, error_body, etag, not_found, parse_json, parse_object, stamp, unauthorized)
from gcs_token import Tokens
from gcs_upload import Uploads
from store import Store, Version

COMMON = ("fields", "projection", "prettyPrint", "alt", "userProject", "quotaUser", "key")


class Dialect:
    def __init__(self, clock, endpoint, directory):
        self.clock, self.endpoint = clock, endpoint
        self.store = Store()
        self.tokens = Tokens(clock, endpoint, directory)
        self.uploads = Uploads(self)
        self.options = {"page_max": 1000, "rewrite_bytes_per_call": 1 << 40, "gone_is_412": False, "require_crc": False}
        self.rewrites = {}

    def credentials(self):
        return {"service_account_file": self.tokens.key.path, "token_uri": self.tokens.token_uri,
                "client_email": self.tokens.key.email, "subject_token": self.tokens.subject,
                "audience": self.tokens.audience}

    def set_options(self, options):
        if "token_lifetime_s" in options:
            self.tokens.lifetime = options.pop("token_lifetime_s")
        if "expire_tokens" in options:
            options.pop("expire_tokens")
            self.tokens.issued.clear()
        for name, value in options.items():
            self.options[name] = type(self.options[name])(value)

    def forget(self):
        self.uploads.sessions.clear()
        self.rewrites.clear()

    # Faults

    def fault_status(self, request, fault):
        status = fault["status"]
        reason = {429: "rateLimitExceeded", 503: "backendError", 500: "internalError", 401: "authError"}.get(status, "backendError")
        return self.failed(request, Failure(status, fault.get("code", reason), "Injected."))

    def fault_expired(self, request):
        if request.path in ("/token", "/v1/token"):
            return None
        self.tokens.expire(request)
        return self.failed(request, unauthorized("Invalid Credentials"))

    def fault_error_200(self, request):
        """The JSON API has no errors inside a 200 but those of a proxy: an error document where an object should be."""
        return wire.Answer(200, [("Content-Type", "application/json; charset=UTF-8")],
                           error_body(503, "backendError", "Injected."), "error in a 200")

    def fault_stale(self, request):
        match = re.fullmatch(r"/storage/v1/b/([^/]+)/o/([^/]+)", request.path)
        if request.method != "GET" or not match or request.arg("alt") == "media":
            return None
        bucket, key = wire.decode(match[1]), wire.decode(match[2])
        return self.store.as_before(bucket, key, lambda: self.handle(request))

    def partial(self, request):
        if request.method == "PUT":
            self.uploads.partial(request)

    def flippable(self, request):
        """Bytes of objects; JSON has no digest, and only TLS would find a bit turned in it."""
        kind = request.header("content-type", "")
        if kind.startswith("multipart/related"):
            second = request.body.find(b"\r\n\r\n", request.body.find(b"\r\n\r\n") + 4) + 4
            return second, request.body.rfind(b"\r\n--")
        return (0, len(request.body)) if request.method == "PUT" else (0, 0)

    # Requests

    ROUTES = (("POST", r"/token", "token"), ("POST", r"/v1/token", "identity"),
              ("POST", r"/v1/projects/-/serviceAccounts/[^/]+:generateAccessToken", "impersonate"),
              ("GET", r"/storage/v1/b/([^/]+)", "bucket_get"),
              ("GET", r"/storage/v1/b/([^/]+)/o", "list"),
              ("GET", r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)", "get"),
              ("DELETE", r"/storage/v1/b/([^/]+)/o/([^/]+)", "delete"),
              ("PATCH", r"/storage/v1/b/([^/]+)/o/([^/]+)", "patch"),
              ("POST", r"/storage/v1/b/([^/]+)/o/([^/]+)/compose", "compose"),
              ("POST", r"/storage/v1/b/([^/]+)/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)", "rewrite"),
              ("POST", r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o", "upload"),
              ("PUT", r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o", "session"),
              ("DELETE", r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o", "session"),
              ("GET", r"/([a-z0-9][a-z0-9._-]+)/(.+)", "signed"), ("HEAD", r"/([a-z0-9][a-z0-9._-]+)/(.+)", "signed"))
    NEEDS = {"token": None, "identity": None, "impersonate": None, "session": None, "signed": None,
             "bucket_get": "read", "list": "read", "get": "read"}

    def handle(self, request):
        try:
            for method, pattern, name in self.ROUTES:
                match = re.fullmatch(pattern, request.path)
                if match and method == request.method:
                    self.authorize(request, self.NEEDS.get(name, "write"))
                    if request.method in ("POST", "PUT", "PATCH") and request.header("content-length") is None \
                            and request.header("transfer-encoding") is None:
                        raise Failure(411, "required", "Length Required")
                    return getattr(self, "do_" + name)(request, *map(wire.decode, match.groups()))
            raise Failure(501, "notImplemented", f"the peer does not know {request.method} {request.path}")
        except Failure as failure:
            return self.failed(request, failure)

    def authorize(self, request, need):
        if need is None:
            return
        if any(name.startswith("x-goog-encryption") for name, _ in request.headers):
            raise Failure(501, "notImplemented", "customer-supplied keys")
        if request.header("authorization") is None:
            raise unauthorized("Anonymous caller does not have storage.objects access to the Google Cloud Storage object.", "required")
        scope = self.tokens.scope(request)
        if scope is None:
            raise unauthorized("Invalid Credentials")
        if need == "write" and scope != "write":
            raise Failure(403, "insufficientPermissions", "Insufficient Permission")

    def failed(self, request, failure):
        headers = [("X-GUploader-UploadID", f"peer-{self.store.next():08d}"), *failure.headers]
        if request.arg("alt") == "media":
            return wire.Answer(failure.status, headers + [("Content-Type", "text/html; charset=UTF-8")], str(failure), failure.reason)
        headers.append(("Content-Type", "application/json; charset=UTF-8"))
        return wire.Answer(failure.status, headers, error_body(failure.status, failure.reason, str(failure)), failure.reason)

    def json(self, fields, status=200, headers=()):
        return wire.Answer(status, [("Content-Type", "application/json; charset=UTF-8"), ("Vary", "Origin"),
                                    ("X-GUploader-UploadID", f"peer-{self.store.next():08d}"), *headers], json.dumps(fields))

    def allowed(self, request, *names):
        """Refuses parameters that the method does not have."""
        for name, _ in request.query:
            if name not in COMMON and name not in names:
                raise Failure(501, "notImplemented", f"the peer does not know parameter {name} of {request.method} {request.path}")

    def number(self, request, name):
        text = request.arg(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > LARGEST:
            raise Failure(400, "invalid", f"Invalid value for {name}: {text}")
        return int(text)

    def bucket(self, name):
        if name not in self.store.buckets:
            raise Failure(404, "notFound", "The specified bucket does not exist.")
        return self.store.buckets[name]

    def fields(self, request):
        """The object resource in the body; unknown fields are refused."""
        if not request.body:
            return {}
        if request.header("content-type", "").partition(";")[0].strip() != "application/json":
            raise Failure(400, "parseError", "Content-Type is not application/json")
        return parse_object(request.body)

    def conditions(self, request, found, prefix=""):
        """Judges the preconditions of a request against the live object (None = there is none)."""
        generation = found.version if found else 0
        for name in PRECONDITIONS:
            wanted = self.number(request, "if" + prefix + name[2:])
            if wanted is None:
                continue
            have = generation if "Generation" in name else (found.metageneration if found else 0)
            if name.endswith("NotMatch"):
                condition(have != wanted, 304 if request.method in ("GET", "HEAD") else 412)
            else:
                condition(have == wanted)

    def live(self, request, bucket, key, generation_name="generation"):
        """The object that a request means, its preconditions judged."""
        generation = self.number(request, generation_name)
        found = self.bucket(bucket).get(key) if generation is None else self.bucket(bucket).find(key, generation)
        if found is None and self.options["gone_is_412"] and self.number(request, "ifGenerationMatch"):
            condition()
        if found is None:
            raise not_found(bucket, key)
        self.conditions(request, found)
        return found

    # Objects

    def plant(self, bucket, key, data, options):
        return self.create(self.bucket(bucket), key, data, {"metadata": options.get("metadata", {}),
                           **{k: v for k, v in options.items() if k in ("storageClass", "contentType", "contentEncoding")}})

    def create(self, bucket, key, data, fields, components=0, crc32c=None):
        """Makes a new generation. The caller has judged the preconditions, and may know the digest."""
        check_name(key)
        old = bucket.get(key)
        if old:
            check_hold(bucket, old, "overwritten", self.clock.now())
        crc32c = crc32c or digest.crc32c_b64(data)
        check_digests(data, fields, crc32c)
        now = self.clock.now()
        new = Version(key, data, int(now * 1e6) // 1000 * 1000 + self.store.next() % 1000, now)
        newest = bucket.keys.get(key, [])
        if newest and newest[-1].version >= new.version:
            new.version = newest[-1].version + 1
        new.metageneration, new.updated, new.class_since, new.components = 1, now, now, components
        new.crc32c, new.md5 = crc32c, "" if components else digest.md5_b64(data)
        new.storage_class = fields.get("storageClass", bucket.options.get("class", "STANDARD"))
        for name, slot in {**TEXTS, **FLAGS}.items():
            setattr(new, slot, fields.get(name, "" if name in TEXTS else False))
        new.metadata = dict(fields.get("metadata") or {})
        check_metadata(new)
        bucket.put(new)
        return new

    def resource(self, bucket, found):
        base = f"{self.endpoint}/storage/v1/b/{bucket}/o/{urllib.parse.quote(found.key, safe='')}"
        fields = {"kind": "storage#object", "id": f"{bucket}/{found.key}/{found.version}", "selfLink": base,
                  "mediaLink": base.replace("/storage/", "/download/storage/", 1) + f"?generation={found.version}&alt=media",
                  "name": found.key, "bucket": bucket, "generation": str(found.version),
                  "metageneration": str(found.metageneration), "storageClass": found.storage_class,
                  "size": str(len(found.data)), "crc32c": found.crc32c, "etag": etag(found),
                  "timeCreated": stamp(found.created), "updated": stamp(found.updated),
                  "timeStorageClassUpdated": stamp(found.class_since)}
        if found.md5:
            fields["md5Hash"] = found.md5
        if found.components:
            fields["componentCount"] = found.components
        if found.metadata:
            fields["metadata"] = found.metadata
        if found.deleted:
            fields["timeDeleted"] = stamp(found.deleted)
        fields.update({name: getattr(found, slot) for name, slot in {**TEXTS, **FLAGS}.items() if getattr(found, slot)})
        return fields

    def do_token(self, request):
        return self.tokens.exchange_jwt(request)

    def do_identity(self, request):
        return self.tokens.exchange_identity(request)

    def do_impersonate(self, request):
        return self.tokens.impersonate(request)

    def do_bucket_get(self, request, name):
        self.allowed(request, "ifMetagenerationMatch", "ifMetagenerationNotMatch")
        bucket = self.bucket(name)
        return self.json({"kind": "storage#bucket", "id": name, "name": name, "location": "US", "locationType": "multi-region",
                          "storageClass": bucket.options.get("class", "STANDARD"), "metageneration": "1",
                          "versioning": {"enabled": bucket.versioned}})

    def do_list(self, request, name):
        self.allowed(request, "prefix", "delimiter", "maxResults", "pageToken", "startOffset", "endOffset", "versions",
                     "includeTrailingDelimiter")
        bucket, prefix, delimiter = self.bucket(name), request.arg("prefix", ""), request.arg("delimiter", "")
        limit = self.number(request, "maxResults")
        limit = min(self.options["page_max"], 1000 if limit is None else limit) or 1
        after = page_start(request)
        entries = bucket.current()
        if request.arg("versions") == "true":
            entries = sorted((v for vs in bucket.keys.values() for v in vs), key=lambda v: (v.key.encode(), v.version))
        items, prefixes, last, more = [], [], None, False
        for found in entries:
            key = found.key.encode()
            if not key.startswith(prefix.encode()) or (after is not None and (key, found.version) <= after) \
                    or key < request.arg("startOffset", "").encode() \
                    or (request.arg("endOffset") and key >= request.arg("endOffset").encode()):
                continue
            cut = found.key.find(delimiter, len(prefix)) if delimiter else -1
            folded = found.key[:cut + len(delimiter)] if cut >= 0 else None
            if folded is not None and folded in prefixes:
                last = (key, found.version)
                continue
            if folded is not None and after is not None and after[0].startswith(folded.encode()):
                continue
            if len(items) + len(prefixes) == limit:
                more = True
                break
            last = (key, found.version)
            if folded is None:
                items.append(self.resource(name, found))
            else:
                prefixes.append(folded)
        page = {"kind": "storage#objects"}
        page.update({"items": items} if items else {})
        page.update({"prefixes": prefixes} if prefixes else {})
        if more:
            page["nextPageToken"] = base64.urlsafe_b64encode(last[0] + b"\0" + str(last[1]).encode()).decode()
        return self.json(choose_fields(page, request.arg("fields")))

    def do_get(self, request, name, key):
        self.allowed(request, "generation", *PRECONDITIONS)
        found = self.live(request, name, key)
        wanted, unwanted = request.header("if-match"), request.header("if-none-match")
        condition(wanted in (None, "*", etag(found), f'"{etag(found)}"'))
        if unwanted is not None:
            condition(unwanted.strip('"') != etag(found), 304)
        if request.arg("alt", "json") == "media" or request.path.startswith("/download/"):
            return self.media(request, found)
        return self.json(choose_fields(self.resource(name, found), request.arg("fields")), headers=[("ETag", etag(found))])

    def media(self, request, found):
        """The bytes, or a range of them; gzip is undone for clients that do not take it, ranges or not."""
        data = found.data
        headers = [
            ("Content-Type", found.content_type or "application/octet-stream"), ("ETag", etag(found)),
            ("X-Goog-Generation", str(found.version)), ("X-Goog-Metageneration", str(found.metageneration)),
            ("X-Goog-Hash", f"crc32c={found.crc32c}" + (f",md5={found.md5}" if found.md5 else "")),
            ("X-Goog-Storage-Class", found.storage_class), ("X-Goog-Stored-Content-Length", str(len(data))),
            ("X-Goog-Stored-Content-Encoding", found.content_encoding or "identity"), ("Accept-Ranges", "bytes"),
            ("Last-Modified", self.clock.http_date(found.updated)), ("X-GUploader-UploadID", f"peer-{self.store.next():08d}")]
        for name, value in (("Cache-Control", found.cache_control), ("Content-Disposition", found.content_disposition),
                            ("Content-Language", found.content_language)):
            if value:
                headers.append((name, value))
        if found.content_encoding == "gzip" and "gzip" not in request.header("accept-encoding", ""):
            try:
                return wire.Answer(200, headers + [("Warning", "214 UploadServer gunzipped")], gzip.decompress(data))
            except (OSError, EOFError):
                raise Failure(503, "backendError", "Backend Error") from None
        if found.content_encoding:
            headers.append(("Content-Encoding", found.content_encoding))
        text = request.header("range")
        if text is None:
            return wire.Answer(200, headers, data)
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
        if not match or (not match[1] and not match[2]):
            raise Failure(400, "invalid", f"Invalid range: {text}")
        first = int(match[1]) if match[1] else max(0, len(data) - int(match[2]))
        last = min(len(data) - 1, int(match[2])) if match[1] and match[2] else len(data) - 1
        if first >= len(data) or first > last:
            raise Failure(416, "requestedRangeNotSatisfiable", "Request range not satisfiable", [("Content-Range", f"bytes */{len(data)}")])
        return wire.Answer(206, headers + [("Content-Range", f"bytes {first}-{last}/{len(data)}")], data[first:last + 1])

    def do_signed(self, request, name, key):
        """A V4 signed URL; its errors are those of the XML API."""
        code = self.tokens.signed_url(request)
        if code:
            return wire.Answer(400 if code != "SignatureDoesNotMatch" else 403, [("Content-Type", "application/xml")],
                               f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>", code)
        found = self.bucket(name).get(key)
        if found is None:
            return wire.Answer(404, [("Content-Type", "application/xml")], "<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey")
        return self.media(request, found)

    def do_delete(self, request, name, key):
        self.allowed(request, "generation", *PRECONDITIONS)
        bucket, found = self.bucket(name), self.live(request, name, key)
        check_hold(bucket, found, "deleted", self.clock.now())
        if request.has("generation") or not bucket.versioned:
            bucket.drop(key, found if request.has("generation") else None)
        else:
            bucket.remember(key)
            found.deleted = self.clock.now()
        return wire.Answer(204, [("X-GUploader-UploadID", f"peer-{self.store.next():08d}")])

    def do_patch(self, request, name, key):
        self.allowed(request, "generation", *PRECONDITIONS)
        found, fields = self.live(request, name, key), self.fields(request)
        for field in fields:
            if field not in TEXTS and field not in FLAGS and field != "metadata":
                raise Failure(400, "invalid", f"{field} cannot be changed by patch")
        for field, slot in {**TEXTS, **FLAGS}.items():
            if field in fields:
                setattr(found, slot, fields[field] or ("" if field in TEXTS else False))
        if "metadata" in fields:
            merged = {**found.metadata, **(fields["metadata"] or {})} if fields["metadata"] is not None else {}
            found.metadata = {k: v for k, v in merged.items() if v is not None}
            check_metadata(found)
        found.metageneration += 1
        found.updated = self.clock.now()
        return self.json(self.resource(name, found))

    def do_compose(self, request, name, key):
        self.allowed(request, "ifGenerationMatch", "ifMetagenerationMatch")
        bucket, body = self.bucket(name), parse_json(request.body)
        unknown = set(body) - {"kind", "destination", "sourceObjects"}
        if unknown:
            raise Failure(501, "notImplemented", f"the peer does not know {sorted(unknown)} of compose")
        sources = body.get("sourceObjects", [])
        if not 1 <= len(sources) <= 32:
            raise Failure(400, "invalid", "The number of source components provided must be between 1 and 32.")
        self.conditions(request, bucket.get(key))
        pieces, components, classes = [], 0, set()
        for source in sources:
            if set(source) - {"name", "generation", "objectPreconditions"}:
                raise Failure(501, "notImplemented", "unknown field of a source object")
            found = bucket.find(source["name"], source["generation"]) if "generation" in source else bucket.get(source["name"])
            if found is None:
                raise not_found(name, source["name"])
            wanted = source.get("objectPreconditions", {}).get("ifGenerationMatch")
            condition(wanted is None or int(wanted) == found.version)
            pieces.append(found)
            components += found.components or 1
            classes.add(found.storage_class)
        fields = body.get("destination", {})
        parse_object(json.dumps(fields).encode())
        if len(classes) > 1:
            raise Failure(400, "invalid", "Source objects must have the same storage class.")
        crc32c = digest.crc32c_joined_b64((p.crc32c, len(p.data)) for p in pieces)
        made = self.create(bucket, key, b"".join(p.data for p in pieces), fields, components, crc32c)
        return self.json(self.resource(name, made))

    def do_rewrite(self, request, source_bucket, source_key, name, key):
        self.allowed(request, "sourceGeneration", "rewriteToken", "maxBytesRewrittenPerCall", *PRECONDITIONS,
                     *("ifSource" + p[2:] for p in PRECONDITIONS))
        bucket, fields, step = self.bucket(name), self.fields(request), self.options["rewrite_bytes_per_call"]
        generation = self.number(request, "sourceGeneration")
        origin = self.bucket(source_bucket)
        found = origin.get(source_key) if generation is None else origin.find(source_key, generation)
        if found is None:
            raise not_found(source_bucket, source_key)
        self.conditions(request, found, "Source")
        self.conditions(request, bucket.get(key))
        limit = self.number(request, "maxBytesRewrittenPerCall")
        if limit is not None:
            if limit < 1 << 20 or limit % (1 << 20):
                raise Failure(400, "invalid", "maxBytesRewrittenPerCall must be an integral multiple of 1 MiB.")
            step = min(step, limit)
        what = (source_bucket, source_key, found.version, name, key, json.dumps(fields, sort_keys=True))
        token, done = request.arg("rewriteToken"), 0
        if token is not None:
            if self.rewrites.get(token, (None,))[0] != what:
                raise Failure(400, "invalid", "Rewrite token does not match the request.")
            done = self.rewrites[token][1]
        same_place = source_bucket == name and fields.get("storageClass", found.storage_class) == found.storage_class
        done = len(found.data) if same_place and limit is None else min(len(found.data), done + step)
        answer = {"kind": "storage#rewriteResponse", "totalBytesRewritten": str(done), "objectSize": str(len(found.data)),
                  "done": done == len(found.data)}
        if not answer["done"]:
            token = token or f"rewrite-{self.store.next():06d}"
            self.rewrites[token] = (what, done)
            return self.json({**answer, "rewriteToken": token})
        self.rewrites.pop(token, None)
        # A body replaces the metadata of the source altogether; only the class has a default of its own.
        kept = {n: getattr(found, s) for n, s in TEXTS.items() if getattr(found, s)} | {"metadata": found.metadata}
        merged = dict(fields) if set(fields) - {"storageClass"} else {**kept, **fields}
        copy = self.create(bucket, key, found.data, merged, crc32c=found.crc32c)
        copy.components, copy.md5 = found.components, found.md5
        return self.json({**answer, "resource": self.resource(name, copy)})

    def do_upload(self, request, name):
        return self.uploads.begin(request, self.bucket(name))

    def do_session(self, request, name):
        return self.uploads.session(request, self.bucket(name))


def page_start(request):
    token = request.arg("pageToken")
    if token is None:
        return None
    try:
        key, _, version = base64.b64decode(token, altchars=b"-_", validate=True).rpartition(b"\0")
        return key, int(version)
    except ValueError:
        raise Failure(400, "invalid", "Invalid page token") from None


def choose_fields(resource, wanted):
    """Partial responses: top level names, and items(a,b)."""
    if not wanted or wanted == "*":
        return resource
    names = {}
    for match in re.finditer(r"([A-Za-z0-9]+)(?:\(([^()]*)\)|/([A-Za-z0-9]+))?(?:,|$)", wanted):
        names[match[1]] = (match[2] or match[3] or "").split(",") if match[2] or match[3] else None
    chosen = {}
    for name, inner in names.items():
        if name in resource:
            value = resource[name]
            if inner and isinstance(value, list):
                value = [{k: v for k, v in item.items() if k in inner} for item in value]
            chosen[name] = value
    return chosen
