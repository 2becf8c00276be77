"""The object resource of the GCS JSON API: what a client may write, what is checked, and how errors look."""
import base64
import json
import time

import digest

CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY")
TEXTS = {"contentType": "content_type", "contentEncoding": "content_encoding", "cacheControl": "cache_control",
         "contentDisposition": "content_disposition", "contentLanguage": "content_language", "customTime": "custom_time"}
FLAGS = {"temporaryHold": "temporary_hold", "eventBasedHold": "event_hold"}
PRECONDITIONS = ("ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch")
LARGEST = 2 ** 63 - 1


class Failure(Exception):
    """An error as the JSON API tells it."""

    def __init__(self, status, reason, message, headers=()):
        super().__init__(message)
        self.status, self.reason, self.headers = status, reason, list(headers)


def not_found(bucket, key):
    return Failure(404, "notFound", f"No such object: {bucket}/{key}")


def condition(met=False, status=412):
    if not met:
        raise Failure(status, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def unauthorized(message, reason="authError"):
    return Failure(401, reason, message, [("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/"')])


def error_body(status, reason, message):
    return json.dumps({"error": {"code": status, "message": message,
                                 "errors": [{"message": message, "domain": "global", "reason": reason}]}})


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + ".%03dZ" % (when % 1 * 1000)


def etag(found):
    return base64.b64encode(found.version.to_bytes(8, "big") + bytes([found.metageneration & 255])).decode()


def parse_json(body):
    try:
        fields = json.loads(body)
    except ValueError:
        raise Failure(400, "parseError", "Parse Error") from None
    if not isinstance(fields, dict):
        raise Failure(400, "parseError", "Parse Error")
    return fields


def parse_object(body):
    """An object resource as a client may write it."""
    fields = parse_json(body)
    for name, value in fields.items():
        if name in ("name", "bucket", "storageClass", "crc32c", "md5Hash", "kind") or name in TEXTS:
            good = isinstance(value, str) or (value is None and name in TEXTS)
        elif name in FLAGS:
            good = isinstance(value, bool)
        elif name == "metadata":
            good = value is None or (isinstance(value, dict) and all(v is None or isinstance(v, str) for v in value.values()))
        else:
            raise Failure(501, "notImplemented", f"the peer does not know field {name} of an object")
        if not good:
            raise Failure(400, "invalid", f"Invalid value for: {name}")
    if fields.get("storageClass", "STANDARD") not in CLASSES:
        raise Failure(400, "invalid", f"Invalid argument: storage class {fields['storageClass']}")
    return fields


def check_name(key):
    if not 1 <= len(key.encode()) <= 1024 or key in (".", "..") or key.startswith(".well-known/acme-challenge/") \
            or "\r" in key or "\n" in key:
        raise Failure(400, "invalid", "Invalid object name.")


def check_metadata(found):
    if sum(len(k.encode()) + len(v.encode()) for k, v in found.metadata.items()) > 8192:
        raise Failure(400, "invalid", "The total size of custom metadata exceeds 8 KiB.")


def check_hold(bucket, found, verb, now):
    if found.temporary_hold or found.event_hold:
        kind = "Temporary" if found.temporary_hold else "Event-Based"
        raise Failure(403, "objectUnderActiveHold", f"Object '{bucket.name}/{found.key}' is under active {kind} hold and "
                      f"cannot be deleted, overwritten or archived until hold is removed.")
    if now < found.created + bucket.options.get("retention_s", 0):
        raise Failure(403, "retentionPolicyNotMet", f"Object '{bucket.name}/{found.key}' is subject to bucket's retention "
                      f"policy or object retention and cannot be {verb}.")


def check_digests(data, fields, crc32c=None):
    for name, label, compute in (("crc32c", "CRC32C", lambda data: crc32c or digest.crc32c_b64(data)), ("md5Hash", "MD5 hash", digest.md5_b64)):
        given = fields.get(name)
        if given is not None and given != compute(data):
            raise Failure(400, "invalid", f"Provided {label} \"{given}\" doesn't match calculated {label} \"{compute(data)}\".")
