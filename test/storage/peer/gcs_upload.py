"""Uploads to the GCS peer: media, multipart/related and resumable sessions.

A session takes its preconditions and metadata at the start, judges the preconditions again when the object appears,
counts bytes, and forgets nothing that it acknowledged. Sources: "Resumable uploads", "Perform resumable uploads",
"Objects: insert", "Data validation and change detection".
"""
import re
import urllib.parse

import digest
import wire
from gcs_object import PRECONDITIONS, Failure, check_digests, parse_object

CHUNK = 256 * 1024
WEEK = 7 * 86400


class Session:
    def __init__(self, key, fields, request, started):
        self.key, self.fields, self.request, self.started = key, fields, request, started
        self.data = b""
        self.total = None                     # None = not told yet
        self.result = None
        self.cancelled = False


class Uploads:
    def __init__(self, dialect):
        self.dialect = dialect
        self.sessions = {}

    def begin(self, request, bucket):
        self.dialect.allowed(request, "uploadType", "name", "contentEncoding", *PRECONDITIONS)
        kind = request.arg("uploadType")
        if request.path.startswith("/resumable") and kind != "resumable" or kind not in ("media", "multipart", "resumable"):
            raise Failure(400, "badRequest", f"Invalid upload type {kind}")
        if kind == "resumable":
            return self.begin_session(request, bucket)
        if kind == "media":
            fields, data = {"contentType": request.header("content-type", "application/octet-stream")}, request.body
        else:
            fields, data = self.related(request)
        key = self.name(request, fields)
        self.dialect.conditions(request, bucket.get(key))
        self.header_digests(request, data)
        return self.store(bucket, key, data, fields)

    def name(self, request, fields):
        key = request.arg("name", fields.get("name"))
        if not key:
            raise Failure(400, "required", "Required parameter: name")
        if fields.get("name", key) != key:
            raise Failure(400, "invalid", "Value of name in the body does not match the parameter")
        return key

    def header_digests(self, request, data):
        """x-goog-hash and Content-MD5 are judged wherever they are sent."""
        given = {}
        for name, value in request.headers:
            if name == "x-goog-hash":
                for item in value.split(","):
                    label, _, text = item.strip().partition("=")
                    if label not in ("crc32c", "md5") or digest.b64_decode(text) is None:
                        raise Failure(400, "invalid", f"Invalid x-goog-hash: {value}")
                    given["crc32c" if label == "crc32c" else "md5Hash"] = text
        if request.header("content-md5"):
            given["md5Hash"] = request.header("content-md5")
        check_digests(data, given)
        return given

    def store(self, bucket, key, data, fields, status=200):
        if self.dialect.options["require_crc"] and "crc32c" not in fields and "md5Hash" not in fields:
            raise Failure(400, "required", "the peer was told to take nothing without a digest")
        made = self.dialect.create(bucket, key, data, fields)
        return self.dialect.json(self.dialect.resource(bucket.name, made), status)

    def related(self, request):
        """multipart/related: a JSON part, then the media part (RFC 2387)."""
        match = re.fullmatch(r'multipart/related;\s*boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?', request.header("content-type", ""))
        if not match:
            raise Failure(400, "badContent", "Invalid multipart request: Content-Type")
        mark = b"--" + match[1].encode()
        body = b"\r\n" + request.body
        pieces = body.split(b"\r\n" + mark)
        if len(pieces) != 4 or pieces[0] or pieces[3].strip(b"\r\n") != b"--":
            raise Failure(400, "badContent", "Invalid multipart request with 0 mime parts.")
        parts = []
        for piece in pieces[1:3]:
            head, empty, data = piece.partition(b"\r\n\r\n")
            if not empty or not piece.startswith(b"\r\n"):
                raise Failure(400, "badContent", "Invalid multipart request: part header")
            headers = [line.partition(":") for line in head.decode("latin-1").split("\r\n") if line]
            parts.append(({n.strip().lower(): v.strip() for n, _, v in headers}, data))
        if parts[0][0].get("content-type", "").partition(";")[0] != "application/json":
            raise Failure(400, "badContent", "Metadata part must be application/json")
        fields = parse_object(parts[0][1])
        fields.setdefault("contentType", parts[1][0].get("content-type", "application/octet-stream"))
        return fields, parts[1][1]

    def begin_session(self, request, bucket):
        fields = self.dialect.fields(request)
        key = self.name(request, fields)
        self.dialect.conditions(request, bucket.get(key))
        if request.header("x-upload-content-type"):
            fields.setdefault("contentType", request.header("x-upload-content-type"))
        session = Session(key, fields, request, self.dialect.clock.now())
        length = request.header("x-upload-content-length")
        if length is not None:
            if not length.isdigit():
                raise Failure(400, "invalid", "Invalid X-Upload-Content-Length")
            session.total = int(length)
        name = f"peer-session-{self.dialect.store.next():06d}"
        self.sessions[name] = (bucket.name, session)
        where = f"{self.dialect.endpoint}/upload/storage/v1/b/{urllib.parse.quote(bucket.name)}/o?uploadType=resumable" \
            f"&name={urllib.parse.quote(key, safe='')}&upload_id={name}"
        return wire.Answer(200, [("Location", where), ("X-GUploader-UploadID", name), ("Content-Type", "text/plain")])

    def session(self, request, bucket):
        """PUT of a chunk or a question, DELETE of the session; the session URI is the authority."""
        self.dialect.allowed(request, "uploadType", "name", "upload_id")
        owner, session = self.sessions.get(request.arg("upload_id", ""), (None, None))
        if session is None or owner != bucket.name or request.arg("name", session.key) != session.key \
                or request.arg("uploadType") != "resumable":
            raise Failure(404, "notFound", "No such upload session")
        if session.started + WEEK < self.dialect.clock.now():
            raise Failure(410, "gone", "The upload session has expired")
        if session.cancelled:
            return wire.Answer(499, [("Content-Type", "text/plain")], code="cancelled")
        if request.method == "DELETE":
            session.cancelled = session.result is None
            return wire.Answer(499, [("Content-Type", "text/plain")], code="cancelled")
        if session.result is not None:
            return self.dialect.json(session.result)
        return self.chunk(request, bucket, session)

    def chunk(self, request, bucket, session):
        text = request.header("content-range")
        if text is None:
            first, last, total = 0, len(request.body) - 1, str(len(request.body))
        else:
            match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", text)
            if not match:
                raise Failure(400, "invalid", f"Failed to parse Content-Range header: {text}")
            total = match[3]
            first, last = (int(match[1]), int(match[2])) if match[1] else (None, None)
        if total != "*":
            if session.total is not None and session.total != int(total):
                raise Failure(400, "invalid", "The total size differs from the size announced before.")
            session.total = int(total)
        if first is None:
            if request.body:
                raise Failure(400, "invalid", "A status query has no body.")
            return self.finish_or_ask(request, bucket, session)
        if len(request.body) != last - first + 1:
            raise Failure(400, "invalid", f"Invalid request.  There were {len(request.body)} byte(s) in the request body.  "
                          f"There should have been {last - first + 1} byte(s) according to the Content-Range header.")
        if first > len(session.data):
            raise Failure(400, "invalid", f"Invalid request.  According to the Content-Range header, the upload offset is "
                          f"{first} byte(s), which exceeds already uploaded size of {len(session.data)} byte(s).")
        if session.total is not None and last >= session.total:
            raise Failure(400, "invalid", "Invalid request.  The chunk goes beyond the total size.")
        final = session.total is not None and last + 1 == session.total
        if not final and len(request.body) % CHUNK:
            raise Failure(400, "invalid", "Chunks other than the last must be multiples of 256 KiB.")
        # Bytes that are stored already are ignored, whatever they say now.
        session.data += request.body[len(session.data) - first:]
        return self.finish_or_ask(request, bucket, session)

    def partial(self, request):
        """A chunk whose connection broke: the service keeps what came, in multiples of 256 KiB."""
        _, session = self.sessions.get(request.arg("upload_id", ""), (None, None))
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", request.header("content-range", ""))
        if session is not None and not session.cancelled and session.result is None and match \
                and int(match[1]) == len(session.data):
            session.data += request.body[:len(request.body) // CHUNK * CHUNK]

    def finish_or_ask(self, request, bucket, session):
        if session.total is None or len(session.data) < session.total:
            held = [("Range", f"bytes=0-{len(session.data) - 1}")] if session.data else []
            return wire.Answer(308, held + [("X-GUploader-UploadID", request.arg("upload_id"))])
        # Now the object appears: the preconditions of the start hold now, or not at all.
        try:
            self.dialect.conditions(session.request, bucket.get(session.key))
            session.fields.update(self.header_digests(request, session.data))
            answer = self.store(bucket, session.key, session.data, session.fields)
        except Exception:
            session.cancelled = True
            raise
        found = bucket.get(session.key)
        session.result, session.data = self.dialect.resource(bucket.name, found), b""
        return answer
