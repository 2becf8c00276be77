"""What an S3 object is made of: headers that a client may set, checksums, conditions, restore states.

Sources: "PutObject", "CopyObject", "RestoreObject" of the S3 API reference, "Checking object integrity", "Add preconditions
to S3 operations with conditional requests", "Understanding archive retrieval options".
"""
import base64
import calendar
import email.utils
import hashlib
import re
import time
import urllib.parse
import xml.etree.ElementTree as tree
import zlib
from xml.sax.saxutils import escape

import digest
from s3_sign import Failure

CLASSES = ("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR")
ARCHIVES = {"GLACIER": {"Expedited": 300, "Standard": 4 * 3600, "Bulk": 8 * 3600},
            "DEEP_ARCHIVE": {"Standard": 12 * 3600, "Bulk": 48 * 3600}}
KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
CHECKSUMS = {"crc32": lambda d: base64.b64encode(zlib.crc32(d).to_bytes(4, "big")).decode(), "crc32c": digest.crc32c_b64,
             "crc64nvme": digest.crc64nvme_b64, "sha1": lambda d: digest.b64(hashlib.sha1(d).digest()),
             "sha256": lambda d: digest.b64(hashlib.sha256(d).digest())}
# Headers of x-amz- that one or the other call takes; any other one is 501.
KNOWN = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-storage-class", "x-amz-tagging", "x-amz-copy-source",
         "x-amz-tagging-directive", "x-amz-metadata-directive", "x-amz-checksum-mode", "x-amz-checksum-algorithm",
         "x-amz-checksum-type", "x-amz-sdk-checksum-algorithm", "x-amz-mp-object-size", "x-amz-request-payer",
         "x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner", "x-amz-server-side-encryption",
         "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-bucket-key-enabled",
         "x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-customer-key",
         "x-amz-server-side-encryption-customer-key-md5", "x-amz-copy-source-range", "x-amz-optional-object-attributes",
         "x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match", "x-amz-copy-source-if-modified-since",
         "x-amz-copy-source-if-unmodified-since", "x-amz-user-agent"} | {"x-amz-checksum-" + name for name in CHECKSUMS}


def iso(when):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(when))


def quoted(etag):
    return f'"{etag}"'


def element(name, *children, **texts):
    """XML of one element: texts first, then children that are XML already."""
    inner = "".join(f"<{n}>{escape(str(v))}</{n}>" for n, v in texts.items() if v is not None)
    return f"<{name}>{inner}{''.join(children)}</{name}>"


def parse_xml(body):
    """The root of a document, names without their namespace."""
    if b"<!DOCTYPE" in body:
        raise Failure(400, "MalformedXML", "The XML you provided was not well-formed")
    try:
        root = tree.fromstring(body)
    except tree.ParseError:
        raise Failure(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema") from None
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def check_headers(request):
    for name, _ in request.headers:
        if name.startswith("x-amz-") and not name.startswith("x-amz-meta-") and name not in KNOWN:
            if name == "x-amz-acl" or name.startswith("x-amz-grant-"):
                raise Failure(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
            raise Failure(501, "NotImplemented", f"A header you provided implies functionality that is not implemented: {name}")


def metadata_of(request):
    """User metadata: names in lower case, at most 2 KB."""
    found = {}
    for name, value in request.headers:
        if name.startswith("x-amz-meta-"):
            found[name[11:]] = found[name[11:]] + "," + value if name[11:] in found else value
    if sum(len(n.encode()) + len(v.encode("latin-1")) for n, v in found.items()) > 2048:
        raise Failure(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", MaxSizeAllowed=2048)
    return found


def tags_of(text):
    tags = {}
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True):
        if name in tags or not 1 <= len(name) <= 128 or len(value) > 256:
            raise Failure(400, "InvalidTag", "The TagKey or TagValue you have provided is invalid")
        tags[name] = value
    if len(tags) > 10:
        raise Failure(400, "BadRequest", "Object tags cannot be greater than 10")
    return tags


def class_of(request):
    name = request.header("x-amz-storage-class", "STANDARD")
    if name not in CLASSES:
        raise Failure(400, "InvalidStorageClass", "The storage class you specified is not valid")
    return name


def fields_of(request, secure):
    """What a PUT, a create or a copy says about the object."""
    fields = {"content_type": request.header("content-type", "binary/octet-stream"), "metadata": metadata_of(request),
              "kept": {n: request.header(n) for n in KEPT if request.header(n) is not None},
              "tags": tags_of(request.header("x-amz-tagging", "")), "storage_class": class_of(request)}
    fields.update(encryption_of(request, secure))
    return fields


def encryption_of(request, secure):
    kind = request.header("x-amz-server-side-encryption")
    if kind not in (None, "AES256", "aws:kms", "aws:kms:dsse"):
        raise Failure(400, "InvalidArgument", "The encryption method specified is not supported")
    return {"sse": kind or "AES256", "kms": request.header("x-amz-server-side-encryption-aws-kms-key-id"),
            "customer": customer_key(request, secure)}


def customer_key(request, secure):
    """The MD5 of an SSE-C key, checked; None without one."""
    prefix = "x-amz-server-side-encryption-customer-"
    algorithm, key, md5 = (request.header(prefix + n) for n in ("algorithm", "key", "key-md5"))
    if algorithm is None and key is None and md5 is None:
        return None
    if not secure:
        raise Failure(400, "InvalidRequest", "Requests specifying Server Side Encryption with Customer provided keys must be "
                      "made over a secure connection.")
    clear = digest.b64_decode(key or "")
    if algorithm != "AES256" or clear is None or len(clear) != 32 or digest.md5_b64(clear) != md5:
        raise Failure(400, "InvalidArgument", "The calculated MD5 hash of the key did not match the hash that was provided.")
    return md5


def check_body(request):
    """Judges every digest that the request declares; returns {algorithm: value} of its checksum."""
    md5 = request.header("content-md5")
    if md5 is not None:
        if len(digest.b64_decode(md5) or b"") != 16:
            raise Failure(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
        if md5 != digest.md5_b64(request.body):
            raise Failure(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    given = {n[15:]: v for n, v in request.headers if n.startswith("x-amz-checksum-") and n[15:] in CHECKSUMS}
    if len(given) > 1:
        raise Failure(400, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    wanted = request.header("x-amz-sdk-checksum-algorithm")
    if wanted is not None and [wanted.lower()] != list(given):
        raise Failure(400, "InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* header.")
    for name, value in given.items():
        if digest.b64_decode(value) is None or len(value) != len(CHECKSUMS[name](b"")):
            raise Failure(400, "InvalidRequest", f"Value for x-amz-checksum-{name} header is invalid.")
        if value != CHECKSUMS[name](request.body):
            raise Failure(400, "BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")
    return given


def matches(text, found):
    """Whether an If-Match list names the object's ETag."""
    return text.strip() == "*" or quoted(found.etag) in [t.strip() for t in text.split(",")] or text.strip() == found.etag


def check_write(request, found):
    """If-Match and If-None-Match of PUT, Complete and Copy, against the live object (None = there is none)."""
    unless, only = request.header("if-none-match"), request.header("if-match")
    if unless is not None:
        if unless.strip('"') != "*":
            raise Failure(501, "NotImplemented", "A header you provided implies functionality that is not implemented", Header="If-None-Match")
        if found is not None:
            raise Failure(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", Condition="If-None-Match")
    if only is not None:
        if found is None:
            raise Failure(404, "NoSuchKey", "The specified key does not exist.")
        if not matches(only, found):
            raise Failure(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", Condition="If-Match")


def http_time(text):
    parsed = email.utils.parsedate(text or "")
    return calendar.timegm(parsed) if parsed else None


def check_read(request, found, prefix="", not_modified=304):
    """The four conditions of GET, HEAD and, with a prefix, of a copy's source."""
    header = lambda name: request.header(prefix + name)
    failed = Failure(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", Condition=prefix + "If-Match")
    changed = int(found.created)
    if header("if-match") is not None:
        if not matches(header("if-match"), found):
            raise failed
    elif http_time(header("if-unmodified-since")) is not None and changed > http_time(header("if-unmodified-since")):
        raise failed
    if header("if-none-match") is not None:
        if matches(header("if-none-match"), found):
            raise Failure(not_modified, "NotModified" if not_modified == 304 else "PreconditionFailed", "Not Modified", [("ETag", quoted(found.etag))])
    elif http_time(header("if-modified-since")) is not None and changed <= http_time(header("if-modified-since")):
        raise Failure(not_modified, "NotModified", "Not Modified", [("ETag", quoted(found.etag))])


def restore_state(found, now):
    """None, 'ongoing', or the expiry of the restored copy."""
    state = found.__dict__.get("restore")
    if state is None or (state["ready"] <= now and state["until"] <= now):
        return None
    return "ongoing" if state["ready"] > now else state["until"]


def look_at(found, looks, now):
    """Counts the HEADs of a restore that goes on: after so many it is over, whatever the clock says."""
    state = found.__dict__.get("restore")
    if looks and state is not None and state["ready"] > now:
        state["looks"] = state.get("looks", 0) + 1
        if state["looks"] >= looks:
            state["until"] -= state["ready"] - now
            state["ready"] = now


def readable(found, now):
    if found.storage_class in ARCHIVES and not isinstance(restore_state(found, now), (int, float)):
        raise Failure(403, "InvalidObjectState", "The operation is not valid for the object's storage class", StorageClass=found.storage_class)


def restore(request, found, now):
    """RestoreObject: 202 begins, 200 prolongs."""
    root = parse_xml(request.body)
    days, tier = root.findtext("Days"), root.findtext("GlacierJobParameters/Tier") or root.findtext("Tier") or "Standard"
    if root.tag != "RestoreRequest" or days is None or not re.fullmatch(r"[1-9]\d{0,8}", days):
        raise Failure(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
    if found.storage_class not in ARCHIVES:
        raise Failure(403, "InvalidObjectState", "Restore is not allowed for the object's current storage class", StorageClass=found.storage_class)
    if tier not in ARCHIVES[found.storage_class]:
        raise Failure(400, "InvalidArgument", "Retrieval option is not supported by this storage class")
    state = restore_state(found, now)
    if state == "ongoing":
        raise Failure(409, "RestoreAlreadyInProgress", "Object restore is already in progress")
    wait = 0 if state else ARCHIVES[found.storage_class][tier]
    found.restore = {"ready": now + wait, "until": now + wait + int(days) * 86400}
    return 200 if state else 202
