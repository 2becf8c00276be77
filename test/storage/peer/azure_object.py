"""What a blob is made of: headers that a client may set, digests, conditions, leases, tiers.

Sources: "Put Blob", "Put Block List", "Set Blob Tier", "Lease Blob", "Specifying conditional headers for Blob service operations",
"Setting and retrieving properties and metadata for Blob resources", "Blob rehydration from the archive tier".
"""
import calendar
import email.utils
import re
import time
import urllib.parse
import xml.etree.ElementTree as tree

import digest
from azure_sign import Failure

TIERS = ("Hot", "Cool", "Cold", "Archive")
REHYDRATE = {"Standard": 15 * 3600, "High": 3600}
PROPERTIES = {"x-ms-blob-content-type": "Content-Type", "x-ms-blob-content-encoding": "Content-Encoding", "x-ms-blob-content-language": "Content-Language",
              "x-ms-blob-cache-control": "Cache-Control", "x-ms-blob-content-disposition": "Content-Disposition"}
KNOWN = {"x-ms-version", "x-ms-date", "x-ms-client-request-id", "x-ms-blob-type", "x-ms-blob-content-md5", "x-ms-content-crc64", "x-ms-access-tier",
         "x-ms-tags", "x-ms-lease-id", "x-ms-range", "x-ms-range-get-content-md5", "x-ms-range-get-content-crc64", "x-ms-copy-source",
         "x-ms-copy-source-authorization", "x-ms-copy-source-tag-option", "x-ms-copy-source-blob-properties", "x-ms-source-range",
         "x-ms-source-content-md5", "x-ms-source-content-crc64", "x-ms-source-if-match", "x-ms-source-if-none-match", "x-ms-source-if-modified-since",
         "x-ms-source-if-unmodified-since", "x-ms-rehydrate-priority", "x-ms-delete-snapshots", "x-ms-lease-action", "x-ms-lease-duration",
         "x-ms-lease-break-period", "x-ms-proposed-lease-id", "x-ms-requires-sync"} | set(PROPERTIES)


def parse_xml(body):
    if b"<!DOCTYPE" in body:
        raise Failure(400, "InvalidXmlDocument")
    try:
        return tree.fromstring(body)
    except tree.ParseError:
        raise Failure(400, "InvalidXmlDocument", "XML specified is not syntactically valid.") from None


def check_headers(request):
    for name, _ in request.headers:
        if name.startswith("x-ms-") and not name.startswith("x-ms-meta-") and name not in KNOWN:
            raise Failure(501, "NotImplemented", f"the peer does not know header {name}")


def metadata_of(request):
    found = {}
    for name, value in request.headers:
        if name.startswith("x-ms-meta-"):
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name[10:]) or not value or not value.isascii():
                raise Failure(400, "InvalidMetadata", "The metadata specified is invalid. It has characters that are not permitted.")
            found[name[10:]] = value
    if sum(len(n) + len(v) for n, v in found.items()) > 8192:
        raise Failure(400, "MetadataTooLarge", "The metadata specified exceeds the maximum allowable limit.")
    return found


def tags_of(text):
    tags = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
    if len(tags) > 10 or any(not 1 <= len(n) <= 128 or len(v) > 256 or not re.fullmatch(r"[A-Za-z0-9 +\-./:=_]*", n + v) for n, v in tags.items()):
        raise Failure(400, "InvalidTags", "The tags specified are invalid.")
    return tags


def fields_of(request):
    tier = request.header("x-ms-access-tier")
    if tier is not None and tier not in TIERS:
        raise Failure(400, "InvalidHeaderValue", "x-ms-access-tier")
    properties = {shown: request.header(name) for name, shown in PROPERTIES.items() if request.header(name) is not None}
    properties.setdefault("Content-Type", request.header("content-type") or "application/octet-stream")
    return {"properties": properties, "metadata": metadata_of(request), "tags": tags_of(request.header("x-ms-tags", "")),
            "storage_class": tier or "Hot", "inferred": tier is None}


def check_digest(data, md5, crc64):
    """Content-MD5 and x-ms-content-crc64 of a body, or of a source."""
    if md5 is not None and crc64 is not None:
        raise Failure(400, "InvalidHeaderValue", "both an MD5 and a CRC64")
    if md5 is not None:
        if len(digest.b64_decode(md5) or b"") != 16:
            raise Failure(400, "InvalidMd5", "The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64 encoded.")
        if md5 != digest.md5_b64(data):
            raise Failure(400, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.")
    if crc64 is not None:
        if len(digest.b64_decode(crc64) or b"") != 8:
            raise Failure(400, "InvalidHeaderValue", "x-ms-content-crc64")
        if crc64 != digest.crc64_azure_b64(data):
            raise Failure(400, "Crc64Mismatch", "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.")


def http_time(text):
    parsed = email.utils.parsedate(text or "")
    return calendar.timegm(parsed) if parsed else None


def check_conditions(request, found, prefix="", writes=False):
    """The four conditions; found None = there is no blob (only writes get here then)."""
    status = 304 if request.method in ("GET", "HEAD") and not prefix else 412
    code = "SourceConditionNotMet" if prefix else "ConditionNotMet"
    only, unless = request.header(prefix + "if-match"), request.header(prefix + "if-none-match")
    since, until = http_time(request.header(prefix + "if-modified-since")), http_time(request.header(prefix + "if-unmodified-since"))
    failed = lambda s: Failure(s, code, "The condition specified using HTTP conditional header(s) is not met.")
    if only is not None and (found is None or only.strip('"') not in ("*", found.etag)):
        raise failed(412)
    if unless is not None and found is not None:
        if unless == "*" and writes:
            raise Failure(409, "BlobAlreadyExists", "The specified blob already exists.")
        if unless.strip('"') in ("*", found.etag):
            raise failed(status)
    if found is not None and since is not None and int(found.modified) <= since:
        raise failed(status)
    if found is not None and until is not None and int(found.modified) > until:
        raise failed(412)


def lease_state(found, now):
    lease = found.lease if found is not None else None
    if lease is None:
        return "available"
    return "expired" if lease["until"] is not None and lease["until"] <= now else "leased"


def check_lease(request, found, now):
    """A leased blob is written with its lease only; a lease that does not hold is refused."""
    given = request.header("x-ms-lease-id")
    state = lease_state(found, now)
    if state == "leased" and given is None:
        raise Failure(412, "LeaseIdMissing", "There is currently a lease on the blob and no lease ID was specified in the request.")
    if state == "leased" and given != found.lease["id"]:
        raise Failure(412, "LeaseIdMismatchWithBlobOperation", "The lease ID specified did not match the lease ID for the blob.")
    if state != "leased" and given is not None:
        raise Failure(412, "LeaseLost" if state == "expired" else "LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob.")


def lease(request, found, now):
    """Lease Blob; returns status and headers."""
    action, given = request.header("x-ms-lease-action"), request.header("x-ms-lease-id")
    leased = lease_state(found, now) == "leased"
    if action == "acquire":
        seconds = request.header("x-ms-lease-duration", "")
        if not re.fullmatch(r"-1|1[5-9]|[2-5]\d|60", seconds):
            raise Failure(400, "InvalidHeaderValue", "x-ms-lease-duration")
        wanted = request.header("x-ms-proposed-lease-id") or f"00000000-0000-4000-8000-{found.version_number:012d}"
        if leased and found.lease["id"] != wanted:
            raise Failure(409, "LeaseAlreadyPresent", "There is already a lease present.")
        found.lease = {"id": wanted, "until": None if seconds == "-1" else now + int(seconds), "seconds": int(seconds)}
        return 201, [("x-ms-lease-id", wanted)]
    if action not in ("renew", "release", "break"):
        raise Failure(501, "NotImplemented", f"lease action {action}")
    if found.lease is None or action != "break" and found.lease["id"] != given:
        raise Failure(409, "LeaseIdMismatchWithLeaseOperation" if found.lease else "LeaseNotPresentWithLeaseOperation")
    if action == "renew":
        found.lease["until"] = None if found.lease["seconds"] < 0 else now + found.lease["seconds"]
        return 200, [("x-ms-lease-id", given)]
    found.lease = None
    return (202, [("x-ms-lease-time", "0")]) if action == "break" else (200, [])


def settle(found, now):
    """What time has done to a blob: a rehydration or a copy that was pending is over."""
    pending = found.rehydrating
    if pending is not None and pending["ready"] <= now:
        found.storage_class, found.rehydrating, found.inferred = pending["tier"], None, False
        if pending.get("data") is not None:
            found.data = pending["data"]
            found.__dict__.pop("sha256", None)
            found.copy["status"] = "success"
    return found


def look_at(found, looks, now):
    """Counts the HEADs of a rehydration that goes on: after so many it is over, whatever the clock says."""
    pending = found.rehydrating
    if looks and pending is not None:
        pending["looks"] = pending.get("looks", 0) + 1
        if pending["looks"] >= looks:
            pending["ready"] = now
            settle(found, now)


def readable(found):
    if found.storage_class == "Archive":
        raise Failure(409, "BlobArchived", "This operation is not permitted on an archived blob.")
    if found.copy is not None and found.copy["status"] == "pending":
        raise Failure(409, "PendingCopyOperation", "There is currently a pending copy operation.")


def set_tier(request, found, now):
    """Set Blob Tier: the status to answer with."""
    tier, priority = request.header("x-ms-access-tier"), request.header("x-ms-rehydrate-priority", "Standard")
    if tier not in TIERS or priority not in REHYDRATE:
        raise Failure(400, "InvalidHeaderValue", "x-ms-access-tier")
    if found.rehydrating is not None:
        if tier == found.rehydrating["tier"] and request.header("x-ms-rehydrate-priority") == "High":
            found.rehydrating["ready"] = min(found.rehydrating["ready"], now + REHYDRATE["High"])
            return 202
        raise Failure(409, "BlobBeingRehydrated", "This operation is not permitted because the blob is being rehydrated.")
    if found.storage_class == "Archive" and tier != "Archive":
        found.rehydrating = {"tier": tier, "ready": now + REHYDRATE[priority], "priority": priority}
        return 202
    found.storage_class, found.inferred, found.tier_changed = tier, False, now
    return 200


def etag_of(number):
    return f"0x8D{number + 0x9F0000000:011X}"


def rfc1123(when):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(when))
