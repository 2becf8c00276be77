"""Uploads in parts on the S3 peer: order, sizes, ETags and checksums of parts, and the object that they make.

Sources: "CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "ListParts", "ListMultipartUploads",
"Checking object integrity" (full object and composite checksums), "Amazon S3 multipart upload limits".
"""
import base64
import hashlib
import re

import wire
from s3_object import CHECKSUMS, check_body, check_write, element, fields_of, iso, parse_xml, quoted
from s3_sign import Failure
from store import hashed, joined

PART_MAX = 5 * 1024 ** 3


class Upload:
    def __init__(self, name, key, fields, algorithm, kind, started):
        self.name, self.key, self.fields, self.algorithm, self.kind, self.started = name, key, fields, algorithm, kind, started
        self.parts = {}                       # number -> Part


class Part:
    def __init__(self, data, algorithm, when):
        self.data, self.when = data, when
        self.etag = hashlib.md5(hashed(data)).hexdigest()
        self.checksum = CHECKSUMS[algorithm](hashed(data))


class Uploads:
    def __init__(self, dialect):
        self.dialect = dialect
        self.open = {}                        # (bucket, id) -> Upload
        self.finished = {}                    # (bucket, id) -> the answer of Complete

    def get(self, request, bucket, key):
        upload = self.open.get((bucket.name, request.arg("uploadId")))
        if upload is None or upload.key != key:
            raise Failure(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may "
                          "have been aborted or completed.", UploadId=request.arg("uploadId"))
        return upload

    def do_create(self, request, bucket, key):
        if request.body:
            raise Failure(400, "InvalidRequest", "A create has no body")
        algorithm, kind = request.header("x-amz-checksum-algorithm", "CRC64NVME").lower(), request.header("x-amz-checksum-type")
        if algorithm not in CHECKSUMS:
            raise Failure(400, "InvalidRequest", "Checksum algorithm provided is unsupported.")
        kind = kind or ("FULL_OBJECT" if algorithm == "crc64nvme" else "COMPOSITE")
        if (algorithm, kind) in (("crc64nvme", "COMPOSITE"), ("sha1", "FULL_OBJECT"), ("sha256", "FULL_OBJECT")) \
                or kind not in ("COMPOSITE", "FULL_OBJECT"):
            raise Failure(400, "InvalidRequest", f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm.")
        name = base64.urlsafe_b64encode(f"peer-upload-{self.dialect.store.next():08d}".encode()).decode()
        fields = fields_of(request, self.dialect.options["secure"])
        self.open[bucket.name, name] = Upload(name, key, fields, algorithm, kind, self.dialect.clock.now())
        return self.dialect.xml(element("InitiateMultipartUploadResult", Bucket=bucket.name, Key=key, UploadId=name),
                                [("x-amz-checksum-algorithm", algorithm.upper()), ("x-amz-checksum-type", kind),
                                 ("x-amz-server-side-encryption", fields["sse"])])

    def number(self, request):
        text = request.arg("partNumber", "")
        if not text.isdigit() or not 1 <= int(text) <= 10000:
            raise Failure(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", ArgumentName="partNumber", ArgumentValue=text)
        return int(text)

    def do_part(self, request, bucket, key):
        upload, number = self.get(request, bucket, key), self.number(request)
        if request.header("x-amz-copy-source") is not None:
            return self.copy_part(request, upload, number)
        if any(n in ("if-match", "if-none-match") for n, _ in request.headers):
            raise Failure(501, "NotImplemented", "UploadPart has no conditions")
        given = check_body(request)
        if given and list(given) != [upload.algorithm]:
            raise Failure(400, "InvalidRequest", f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, "
                          f"actual checksum Type: {next(iter(given))}")
        upload.parts[number] = Part(request.body, upload.algorithm, self.dialect.clock.now())
        part = upload.parts[number]
        return wire.Answer(200, self.dialect.ids() + [("ETag", quoted(part.etag)), ("x-amz-server-side-encryption", upload.fields["sse"]),
                                                      (f"x-amz-checksum-{upload.algorithm}", part.checksum)])

    def copy_part(self, request, upload, number):
        if request.body:
            raise Failure(400, "InvalidRequest", "A copy has no body")
        _, found = self.dialect.source(request)
        data, text = found.data, request.header("x-amz-copy-source-range")
        if text is not None:
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", text)
            if not match or int(match[1]) > int(match[2]) or int(match[2]) >= len(data):
                raise Failure(400, "InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
                              "are the zero-based offsets of the first and last bytes to copy")
            data = data[int(match[1]):int(match[2]) + 1]
        if len(data) > self.dialect.options["copy_max_bytes"]:
            raise Failure(400, "InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
        part = upload.parts[number] = Part(data, upload.algorithm, self.dialect.clock.now())
        return self.dialect.xml(element("CopyPartResult", ETag=quoted(part.etag), LastModified=iso(part.when),
                                        **{"Checksum" + upload.algorithm.upper(): part.checksum}))

    def do_complete(self, request, bucket, key):
        done = self.finished.get((bucket.name, request.arg("uploadId")))
        if done is not None and self.dialect.options["complete_twice"] == 200:
            return self.dialect.xml(done)
        upload = self.get(request, bucket, key)
        listed = self.listed(request, upload)
        parts = [part for _, part in listed]
        data = joined([part.data for part in parts])
        size = request.header("x-amz-mp-object-size")
        if size is not None and (not size.isdigit() or int(size) != len(data)):
            raise Failure(400, "InvalidRequest", "The provided 'x-amz-mp-object-size' header value does not match what was computed.")
        if upload.kind == "FULL_OBJECT":
            checksum = CHECKSUMS[upload.algorithm](hashed(data))
        else:
            sums = b"".join(base64.b64decode(part.checksum) for part in parts)
            checksum = f"{CHECKSUMS[upload.algorithm](sums)}-{len(parts)}"
        self.object_checksum(request, upload, checksum)
        check_write(request, bucket.get(key))
        etag = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts)).hexdigest() + f"-{len(parts)}"
        made = self.dialect.create(bucket, key, data, upload.fields, {upload.algorithm: checksum}, etag, upload.kind)
        del self.open[bucket.name, upload.name]
        text = element("CompleteMultipartUploadResult", Location=f"{self.dialect.endpoint}/{bucket.name}/{key}", Bucket=bucket.name, Key=key,
                       ETag=quoted(etag), ChecksumType=upload.kind, **{"Checksum" + upload.algorithm.upper(): checksum})
        self.finished[bucket.name, upload.name] = text
        return self.dialect.xml(text, self.dialect.describe(bucket, made)[1:])

    def listed(self, request, upload):
        """The parts that Complete names, judged one by one."""
        root = parse_xml(request.body)
        items = root.findall("Part")
        if root.tag != "CompleteMultipartUpload" or not items:
            raise Failure(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
        parts, last = [], 0
        for item in items:
            number = int(item.findtext("PartNumber", "0"))
            part = upload.parts.get(number)
            if number <= last:
                raise Failure(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
            last = number
            sums = {n.tag[8:].lower(): n.text for n in item if n.tag.startswith("Checksum")}
            if part is None or (item.findtext("ETag") or "").strip('"') != part.etag or \
                    any(name != upload.algorithm or value != part.checksum for name, value in sums.items()):
                raise Failure(400, "InvalidPart", "One or more of the specified parts could not be found. The part may not have been uploaded, "
                              "or the specified entity tag may not match the part's entity tag.", PartNumber=number)
            if upload.kind == "COMPOSITE" and not sums:
                raise Failure(400, "InvalidRequest", f"The upload was created using a {upload.algorithm} checksum. The complete request must include "
                              f"the checksum for each part. It was missing for part {number} in the request.")
            parts.append((number, part))
        for number, part in parts[:-1]:
            if len(part.data) < self.dialect.options["min_part_bytes"]:
                raise Failure(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", PartNumber=number,
                              ProposedSize=len(part.data), MinSizeAllowed=self.dialect.options["min_part_bytes"])
        if [number for number, _ in parts] != list(range(1, len(parts) + 1)):
            raise Failure(500, "InternalError", "Part numbers must be consecutive from 1 where checksums are used.")
        return parts

    def object_checksum(self, request, upload, computed):
        given = {n[15:]: v for n, v in request.headers if n.startswith("x-amz-checksum-") and n[15:] in CHECKSUMS}
        kind = request.header("x-amz-checksum-type")
        if kind is not None and kind != upload.kind:
            raise Failure(400, "InvalidRequest", f"The upload was created using the {upload.kind} checksum mode. The complete request must use the same checksum mode.")
        for name, value in given.items():
            if name != upload.algorithm:
                raise Failure(400, "InvalidRequest", f"The upload was created using {upload.algorithm}, not {name}.")
            if value != computed:
                raise Failure(400, "BadDigest", f"The {name} you specified did not match the calculated checksum.")

    def do_abort(self, request, bucket, key):
        self.get(request, bucket, key)
        del self.open[bucket.name, request.arg("uploadId")]
        return wire.Answer(204, self.dialect.ids())

    def do_parts(self, request, bucket, key):
        upload = self.get(request, bucket, key)
        after, limit = int(request.arg("part-number-marker", "0")), self.dialect.limit(request, "max-parts") if request.has("max-parts") else 1000
        numbers = sorted(n for n in upload.parts if n > after)
        shown = numbers[:min(limit, self.dialect.options["page_max"])]
        texts = [element("Part", PartNumber=n, LastModified=iso(upload.parts[n].when), ETag=quoted(upload.parts[n].etag), Size=len(upload.parts[n].data),
                         **{"Checksum" + upload.algorithm.upper(): upload.parts[n].checksum}) for n in shown]
        more = len(shown) < len(numbers)
        return self.dialect.xml(element("ListPartsResult", *texts, Bucket=bucket.name, Key=key, UploadId=upload.name, PartNumberMarker=after,
                                        NextPartNumberMarker=shown[-1] if shown else 0, MaxParts=limit, IsTruncated=str(more).lower(),
                                        StorageClass=upload.fields["storage_class"], ChecksumAlgorithm=upload.algorithm.upper(), ChecksumType=upload.kind))

    def do_find(self, request, bucket, _key):
        encode, prefix = self.dialect.encoder(request), request.arg("prefix", "")
        limit, key_marker, id_marker = self.dialect.limit(request, "max-uploads"), request.arg("key-marker", ""), request.arg("upload-id-marker", "")
        every = sorted((u for (b, _), u in self.open.items() if b == bucket.name and u.key.startswith(prefix)), key=lambda u: (u.key.encode(), u.name))
        every = [u for u in every if u.key.encode() > key_marker.encode() or (u.key == key_marker and id_marker and u.name > id_marker)]
        shown, more = every[:limit], len(every) > limit
        texts = [element("Upload", Key=encode(u.key), UploadId=u.name, StorageClass=u.fields["storage_class"], Initiated=iso(u.started),
                         ChecksumAlgorithm=u.algorithm.upper(), ChecksumType=u.kind) for u in shown]
        return self.dialect.xml(element("ListMultipartUploadsResult", *texts, Bucket=bucket.name, KeyMarker=encode(key_marker), UploadIdMarker=id_marker,
                                        Prefix=encode(prefix), MaxUploads=limit, IsTruncated=str(more).lower(), EncodingType=request.arg("encoding-type"),
                                        NextKeyMarker=encode(shown[-1].key) if more else None, NextUploadIdMarker=shown[-1].name if more else None))
