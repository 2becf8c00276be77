"""Blocks of the Azure peer. Uncommitted blocks belong to the blob, not to anybody's upload: whoever commits the id gets the
bytes that were staged last under it, and ids of another length are refused. They vanish a week after the last one came, and
with any commit, Put Blob or delete.

Sources: "Put Block", "Put Block From URL", "Put Block List", "Get Block List".
"""
import re
from xml.sax.saxutils import escape

import digest
import wire
from azure_object import check_conditions, check_digest, check_lease, etag_of, fields_of, parse_xml, readable
from azure_sign import Failure
from store import Version

BLOCK_MAX = 4000 * 1024 * 1024
WEEK = 7 * 86400


class Blocks:
    def __init__(self, dialect):
        self.dialect = dialect
        self.waiting = {}                     # (container, blob) -> {id: (bytes, when)}

    def of(self, container, key):
        staged = self.waiting.get((container.name, key), {})
        if staged and max(when for _, when in staged.values()) + WEEK < self.dialect.clock.now():
            self.discard(container, key)
            return {}
        return staged

    def discard(self, container, key):
        self.waiting.pop((container.name, key), None)

    def uncommitted(self, container):
        """Blobs that are nothing but blocks, for listings that ask for them."""
        now = self.dialect.clock.now()
        return [Version(key, b"", "", now, etag=etag_of(0), modified=now, md5="", properties={}, tags={}, lease=None, rehydrating=None, copy=None,
                        storage_class="Hot", inferred=True)
                for (name, key) in self.waiting if name == container.name and container.get(key) is None and self.of(container, key)]

    def do_put(self, request, container, key):
        """Put Block, and with a source Put Block From URL."""
        if any(n in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since") for n, _ in request.headers):
            raise Failure(400, "UnsupportedHeader", "One of the headers specified in the request is not supported.")
        name = request.arg("blockid", "")
        clear = digest.b64_decode(name)
        if not clear or len(clear) > 64:
            raise Failure(400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid: blockid")
        staged = self.of(container, key)
        found = container.get(key)
        lengths = {len(digest.b64_decode(n)) for n in staged} | {len(digest.b64_decode(n)) for n, _ in (found.blocks if found else [])}
        if lengths - {len(clear)}:
            raise Failure(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.")
        check_lease(request, found, self.dialect.clock.now())
        data = request.body
        if request.header("x-ms-copy-source") is not None:
            data = self.from_url(request)
        else:
            check_digest(data, request.header("content-md5"), request.header("x-ms-content-crc64"))
            if not data:
                raise Failure(400, "InvalidHeaderValue", "Content-Length")
        if len(data) > BLOCK_MAX:
            raise Failure(413, "RequestBodyTooLarge")
        if len(staged) >= 100000 and name not in staged:
            raise Failure(409, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks.")
        self.waiting.setdefault((container.name, key), {})[name] = (data, self.dialect.clock.now())
        told = ("Content-MD5", digest.md5_b64(data)) if request.header("content-md5") else ("x-ms-content-crc64", digest.crc64_azure_b64(data))
        return wire.Answer(201, self.dialect.ids() + [told, ("x-ms-request-server-encrypted", "true")])

    def from_url(self, request):
        if request.body:
            raise Failure(400, "InvalidHeaderValue", "Content-Length")
        found = self.dialect.source(request)
        readable(found)
        data, text = found.data, request.header("x-ms-source-range")
        if text is not None:
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", text)
            if not match or int(match[1]) > int(match[2]) or int(match[1]) >= len(data):
                raise Failure(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
            data = data[int(match[1]):int(match[2]) + 1]
        check_digest(data, request.header("x-ms-source-content-md5"), request.header("x-ms-source-content-crc64"))
        return data

    def do_commit(self, request, container, key):
        check_digest(request.body, request.header("content-md5"), request.header("x-ms-content-crc64"))
        root = parse_xml(request.body)
        if root.tag != "BlockList" or len(root) > 50000:
            raise Failure(400, "InvalidXmlDocument" if root.tag != "BlockList" else "BlockListTooLong")
        self.dialect.target(request, container, key)
        found, staged, blocks = container.get(key), self.of(container, key), []
        committed = dict(found.blocks) if found else {}
        for node in root:
            name = (node.text or "").strip()
            choices = {"Uncommitted": [staged], "Committed": [committed], "Latest": [staged, committed]}.get(node.tag)
            if choices is None:
                raise Failure(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
            block = next((c[name] for c in choices if name in c), None)
            if block is None:
                raise Failure(400, "InvalidBlockList", "The specified block list is invalid.")
            blocks.append((name, block[0] if isinstance(block, tuple) else block))
        data = b"".join(block for _, block in blocks)
        made = self.dialect.create(container, key, data, fields_of(request), request.header("x-ms-blob-content-md5", ""))
        if request.header("x-ms-blob-content-type") is None:
            made.properties["Content-Type"] = "application/octet-stream"
        made.blocks = blocks
        self.discard(container, key)
        return wire.Answer(201, self.dialect.written(container, made, ("x-ms-content-crc64", digest.crc64_azure_b64(request.body))))

    def do_list(self, request, container, key):
        kind, found, staged = request.arg("blocklisttype", "committed"), container.get(key), self.of(container, key)
        if kind not in ("committed", "uncommitted", "all"):
            raise Failure(400, "InvalidQueryParameterValue", "blocklisttype")
        if found is None and not staged:
            raise Failure(404, "BlobNotFound", "The specified blob does not exist.")
        if found is not None:
            check_conditions(request, found)
        text = ""
        for tag, wanted, items in (("CommittedBlocks", "committed", found.blocks if found else []),
                                   ("UncommittedBlocks", "uncommitted", [(n, d) for n, (d, _) in staged.items()])):
            if kind in ("all", wanted):
                text += f"<{tag}>" + "".join(f"<Block><Name>{escape(n)}</Name><Size>{len(d)}</Size></Block>" for n, d in items) + f"</{tag}>"
        answer = self.dialect.xml(f"<BlockList>{text}</BlockList>")
        answer.set("x-ms-blob-content-length", str(len(found.data)) if found else "0")
        if found is not None:
            answer.set("ETag", f'"{found.etag}"')
        return answer
