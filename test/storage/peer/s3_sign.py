"""Signature Version 4 as S3 judges it: in the header, in the query, temporary credentials, and the payload's hash.

Sources: "Authenticating Requests (AWS Signature Version 4)", "Signature Calculations for the Authorization Header:
Transferring Payload in a Single Chunk", "Authenticating Requests: Using Query Parameters", "Error responses" of the S3
API reference, "AssumeRoleWithWebIdentity" of the STS API reference.
"""
import calendar
import hashlib
import hmac
import re
import time
import urllib.parse
from xml.sax.saxutils import escape

import digest
import wire

SKEW = 900
QUERY = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")


class Words:
    """The words of a signature: AWS4, or GOOG4 of the XML API of Google Cloud Storage."""

    def __init__(self, version, service, header):
        self.version, self.service, self.header = version, service, header
        self.algorithm, self.end, self.query = version + "-HMAC-SHA256", version.lower() + "_request", header.title()
        self.authorization = re.compile(self.algorithm + r" +Credential=([^,/]+)/(\d{8})/([^,/]*)/([^,/]*)/" + self.end +
                                        r", *SignedHeaders=([a-z0-9;._-]+), *Signature=([0-9a-f]{64})")

    def names(self):
        return tuple(self.query + name.partition("X-Amz-")[2] for name in QUERY)


AWS4 = Words("AWS4", "s3", "x-amz-")
GOOG4 = Words("GOOG4", "storage", "x-goog-")


class Failure(Exception):
    """An error as S3 tells it."""

    def __init__(self, status, code, message, headers=(), **fields):
        super().__init__(message)
        self.status, self.code, self.headers, self.fields = status, code, list(headers), fields


def quote(text):
    return urllib.parse.quote(text, safe="-_.~")


def hmac_sha256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, date, region, words=AWS4):
    key = (words.version + secret).encode()
    for text in (date, region, words.service, words.end):
        key = hmac_sha256(key, text)
    return key


def canonical_path(request):
    """S3 encodes each byte once, whatever the client sent."""
    return "/".join(quote(part) for part in wire.decode(request.path).split("/"))


class Signatures:
    words = AWS4

    def __init__(self, clock, options):
        self.clock, self.options = clock, options
        self.access_key, self.secret = "AKIAPEERPEERPEERPEER", "peer/secret+key/peer/secret+key/peer+sec"
        self.temporary = {}                   # access key -> (secret, session token, expiry)
        self.web_identity = "peer.web.identity"
        self.issued = 0

    def issue(self, seconds=3600):
        self.issued += 1
        key = f"ASIAPEER{self.issued:012d}"
        self.temporary[key] = (hashlib.sha256(key.encode()).hexdigest()[:40], f"session/{self.issued}+token==",
                               self.clock.now() + seconds)
        return key

    def secret_of(self, key, token):
        """The secret of an access key, its session token judged."""
        if key == self.access_key:
            if token is not None:
                raise Failure(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
            return self.secret
        if key not in self.temporary:
            raise Failure(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        secret, wanted, expires = self.temporary[key]
        if token != wanted:
            raise Failure(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        if expires <= self.clock.now():
            raise Failure(400, "ExpiredToken", "The provided token has expired.")
        return secret

    def check(self, request, region):
        """Raises a Failure unless the request is signed well for the region."""
        if any(request.has(name) for name in self.words.names()):
            return self.check_query(request, region)
        text = request.header("authorization")
        if text is None:
            raise Failure(403, "AccessDenied", "Access Denied")
        match = self.words.authorization.fullmatch(text)
        if not match:
            raise Failure(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
        key, date, signed_region, service, names, signature = match.groups()
        stamp = request.header(self.words.header + "date", "")
        try:
            when = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
        except ValueError:
            raise Failure(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
        if abs(when - self.clock.now()) > SKEW:
            raise Failure(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
                          RequestTime=stamp, ServerTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock.now())),
                          MaxAllowedSkewMilliseconds="900000")
        if date != stamp[:8] or service != self.words.service:
            raise Failure(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; wrong date or service.")
        secret = self.secret_of(key, request.header(self.words.header + "security-token"))
        self.check_region(signed_region, region)
        self.check_names(request, names.split(";"))
        payload = self.payload(request)
        self.compare(request, secret, stamp, signed_region, names.split(";"), request.query, payload, signature)

    def check_region(self, signed, region):
        if signed != region:
            raise Failure(400, "AuthorizationHeaderMalformed", f"The authorization header is malformed; the region '{signed}' "
                          f"is wrong; expecting '{region}'", [("x-amz-bucket-region", region)], Region=region)

    def check_names(self, request, names):
        unsigned = [n for n, _ in request.headers if n.startswith(self.words.header) and n not in names]
        if names != sorted(set(names)) or "host" not in names or unsigned:
            raise Failure(403, "AccessDenied", "There were headers present in the request which were not signed",
                          HeadersNotSigned=", ".join(unsigned))

    def payload(self, request):
        """The declared hash of the body, checked."""
        given = request.header(self.words.header + "content-sha256")
        if given is None:
            raise Failure(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        if given == "UNSIGNED-PAYLOAD":
            if request.body and not self.options["secure"]:
                raise Failure(400, "InvalidRequest", "The peer takes unsigned payloads over TLS only (setting secure)")
        elif given.startswith("STREAMING-"):
            raise Failure(501, "NotImplemented", "the peer does not know chunked signatures")
        elif not re.fullmatch(r"[0-9a-f]{64}", given):
            raise Failure(400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.")
        elif given != digest.sha256_hex(request.body):
            raise Failure(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
        return given

    def compare(self, request, secret, stamp, region, names, query, payload, signature):
        values = {}
        for name, value in request.headers:
            values.setdefault(name, []).append(" ".join(value.split()))
        if any(name not in values for name in names):
            raise Failure(403, "SignatureDoesNotMatch", "A signed header is not in the request.")
        pairs = sorted((quote(n), quote(v)) for n, v in query)
        canonical = "\n".join([request.method, canonical_path(request), "&".join(f"{n}={v}" for n, v in pairs),
                               "".join(f"{n}:{','.join(values[n])}\n" for n in names), ";".join(names), payload])
        scope = f"{stamp[:8]}/{region}/{self.words.service}/{self.words.end}"
        text = f"{self.words.algorithm}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        wanted = hmac_sha256(signing_key(secret, stamp[:8], region, self.words), text).hex()
        if not hmac.compare_digest(wanted, signature):
            raise Failure(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you "
                          "provided. Check your key and signing method.", StringToSign=text, CanonicalRequest=canonical)

    def check_query(self, request, region):
        values = [request.arg(name) for name in self.words.names()]
        if None in values or any(sum(1 for n, _ in request.query if n == name) != 1 for name in self.words.names()):
            raise Failure(400, "AuthorizationQueryParametersError", "Query-string authentication version 4 requires all parameters.")
        algorithm, credential, stamp, expires, names, signature = values
        parts = credential.split("/")
        if algorithm != self.words.algorithm or len(parts) != 5 or parts[1] != stamp[:8] or parts[3:] != [self.words.service, self.words.end]:
            raise Failure(400, "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter.")
        if not expires.isdigit() or not 1 <= int(expires) <= 604800:
            raise Failure(400, "AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds")
        try:
            begins = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
        except ValueError:
            raise Failure(400, "AuthorizationQueryParametersError", "X-Amz-Date must be in the ISO8601 Long Format") from None
        if begins > self.clock.now() + SKEW or begins + int(expires) < self.clock.now():
            raise Failure(403, "AccessDenied", "Request has expired")
        secret = self.secret_of(parts[0], request.arg(self.words.query + "Security-Token"))
        self.check_region(parts[2], region)
        self.check_names(request, names.split(";"))
        query = [(n, v) for n, v in request.query if n != self.words.query + "Signature"]
        self.compare(request, secret, stamp, parts[2], names.split(";"), query, "UNSIGNED-PAYLOAD", signature)

    def assume_role(self, request, seconds=3600):
        """STS on the same endpoint: POST / with Action=AssumeRoleWithWebIdentity, unsigned."""
        form = dict(urllib.parse.parse_qsl(request.body.decode("ascii", "replace") or request.query_text))
        wanted = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15"}
        if any(form.get(n) != v for n, v in wanted.items()) or not form.get("RoleArn", "").startswith("arn:aws:iam::") \
                or not re.fullmatch(r"[\w+=,.@-]{2,64}", form.get("RoleSessionName", "")):
            raise Failure(400, "ValidationError", "AssumeRoleWithWebIdentity: parameters")
        if form.get("WebIdentityToken") != self.web_identity:
            raise Failure(400, "InvalidIdentityToken", "The web identity token could not be verified.")
        key = self.issue(int(form.get("DurationSeconds", seconds)))
        secret, token, expires = self.temporary[key]
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
        return wire.Answer(200, [("Content-Type", "text/xml")],
                           '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                           f"<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}"
                           f"</SecretAccessKey><SessionToken>{escape(token)}</SessionToken><Expiration>{until}</Expiration></Credentials>"
                           "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")
