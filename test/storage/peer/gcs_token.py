"""Who may speak to the GCS peer: service-account JWTs (RS256) exchanged at /token, workload identity tokens exchanged at
/v1/token, and V4 signed URLs. Sources: "Using OAuth 2.0 for Server to Server Applications", RFC 7515, RFC 7523,
"Signatures | Cloud Storage" (V4 signing process), RFC 8017 section 8.2.2.
"""
import base64
import calendar
import hashlib
import hmac
import json
import os
import subprocess
import time
import urllib.parse

import wire

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
SCOPES = {"https://www.googleapis.com/auth/devstorage.read_only": "read",
          "https://www.googleapis.com/auth/devstorage.read_write": "write",
          "https://www.googleapis.com/auth/devstorage.full_control": "write",
          "https://www.googleapis.com/auth/cloud-platform": "write"}
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def unbase64url(text):
    if any(c in text for c in "+/=") or not text.isascii():
        raise ValueError("not base64url")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


class Key:
    """A service account with an RSA key of its own, kept in dir/service_account.json."""

    def __init__(self, directory, token_uri):
        path = os.path.join(directory, "key.pem")
        if not os.path.exists(path):
            subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path],
                           check=True, stderr=subprocess.DEVNULL)
        modulus = subprocess.run(["openssl", "rsa", "-in", path, "-noout", "-modulus"], check=True,
                                 capture_output=True, text=True).stdout
        self.modulus, self.exponent = int(modulus.strip().partition("=")[2], 16), 65537
        self.email, self.id = "mover@peer.iam.gserviceaccount.com", "0123456789abcdef0123456789abcdef01234567"
        with open(path, encoding="ascii") as pem:
            self.account = {"type": "service_account", "project_id": "peer", "private_key_id": self.id,
                            "private_key": pem.read(), "client_email": self.email, "client_id": "100000000000000000001",
                            "token_uri": token_uri}
        self.path = os.path.join(directory, "service_account.json")
        with open(self.path, "w", encoding="ascii") as out:
            json.dump(self.account, out)

    def verify(self, data, signature):
        """RSASSA-PKCS1-v1_5 with SHA-256."""
        size = (self.modulus.bit_length() + 7) // 8
        if len(signature) != size:
            return False
        block = pow(int.from_bytes(signature, "big"), self.exponent, self.modulus).to_bytes(size, "big")
        tail = SHA256_PREFIX + hashlib.sha256(data).digest()
        return hmac.compare_digest(block, b"\0\1" + b"\xff" * (size - 3 - len(tail)) + b"\0" + tail)


class Tokens:
    def __init__(self, clock, endpoint, directory):
        self.clock, self.endpoint = clock, endpoint
        self.token_uri = endpoint + "/token"
        self.key = Key(directory, self.token_uri)
        self.subject = "peer.subject.token"
        self.audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/peer"
        self.issued = {}                      # token -> (expiry, scope)
        self.count = 0
        self.lifetime = 3600

    def issue(self, scope):
        self.count += 1
        token = f"ya29.peer-{self.count:06d}-" + hashlib.sha256(str(self.count).encode()).hexdigest()
        self.issued[token] = (self.clock.now() + self.lifetime, scope)
        return token

    def answer(self, fields):
        return wire.Answer(200, [("Content-Type", "application/json; charset=UTF-8"), ("Cache-Control", "no-store")],
                           json.dumps(fields))

    def refuse(self, code, description):
        answer = self.answer({"error": code, "error_description": description})
        answer.status, answer.code = 400, f"{code}: {description}"
        return answer

    def form(self, request):
        kind = request.header("content-type", "").partition(";")[0].strip().lower()
        if request.method != "POST" or kind != "application/x-www-form-urlencoded":
            return None
        return dict(urllib.parse.parse_qsl(request.body.decode("ascii", "replace"), keep_blank_values=True))

    def exchange_jwt(self, request):
        """POST /token"""
        form = self.form(request)
        if form is None or form.get("grant_type") != JWT_GRANT:
            return self.refuse("unsupported_grant_type", "Invalid grant_type")
        parts = form.get("assertion", "").split(".")
        try:
            header, claims = json.loads(unbase64url(parts[0])), json.loads(unbase64url(parts[1]))
            signature, count = unbase64url(parts[2]), len(parts)
        except (ValueError, IndexError):
            return self.refuse("invalid_grant", "Bad Request")
        if count != 3 or header.get("alg") != "RS256" or header.get("typ", "JWT") != "JWT":
            return self.refuse("invalid_grant", "Invalid JWT header")
        if header.get("kid", self.key.id) != self.key.id or claims.get("iss") != self.key.email:
            return self.refuse("invalid_grant", "Invalid JWT: account not found")
        if not self.key.verify((parts[0] + "." + parts[1]).encode(), signature):
            return self.refuse("invalid_grant", "Invalid JWT Signature.")
        if claims.get("aud") != self.token_uri:
            return self.refuse("invalid_grant", "Invalid JWT: audience")
        issued, expires, now = claims.get("iat"), claims.get("exp"), self.clock.now()
        if not isinstance(issued, int) or not isinstance(expires, int) or not issued < expires <= issued + 3600 \
                or expires <= now or issued > now + 300:
            return self.refuse("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
                               "reasonable timeframe. Check your iat and exp values in the JWT claim.")
        scopes = [SCOPES.get(s) for s in claims.get("scope", "").split(" ")]
        if not scopes or None in scopes:
            return self.refuse("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return self.answer({"access_token": self.issue("write" if "write" in scopes else "read"),
                            "expires_in": self.lifetime - 1, "token_type": "Bearer"})

    def exchange_identity(self, request):
        """POST /v1/token, the Security Token Service of workload identity."""
        form = self.form(request)
        if form is None:
            fields = json.loads(request.body)
            form = {"".join("_" + c.lower() if c.isupper() else c for c in name): value for name, value in fields.items()}
        if form.get("grant_type") != EXCHANGE_GRANT or form.get("audience") != self.audience:
            return self.refuse("invalid_request", "Invalid value for \"audience\".")
        if form.get("subject_token") != self.subject or \
                form.get("subject_token_type") != "urn:ietf:params:oauth:token-type:jwt" or \
                form.get("requested_token_type") != "urn:ietf:params:oauth:token-type:access_token":
            return self.refuse("invalid_grant", "The given credential is rejected by the attribute condition.")
        if form.get("scope") not in SCOPES:
            return self.refuse("invalid_scope", "Invalid scope.")
        return self.answer({"access_token": self.issue(SCOPES[form["scope"]]), "expires_in": self.lifetime - 1,
                            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer"})

    def impersonate(self, request):
        """POST /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken"""
        fields = json.loads(request.body)
        scopes = [SCOPES.get(s) for s in fields.get("scope", [])]
        if self.scope(request) != "write" or not scopes or None in scopes:
            return self.refuse("invalid_scope", "Invalid scope.")
        token = self.issue("write" if "write" in scopes else "read")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.issued[token][0]))
        return self.answer({"accessToken": token, "expireTime": until})

    def scope(self, request):
        """What the bearer of this request may do: read, write, or None (no token, unknown, expired)."""
        kind, _, token = request.header("authorization", "").partition(" ")
        expires, scope = self.issued.get(token, (0, None)) if kind == "Bearer" else (0, None)
        return scope if expires > self.clock.now() else None

    def expire(self, request):
        self.issued.pop(request.header("authorization", "").partition(" ")[2], None)

    def signed_url(self, request):
        """Judges a V4 signed URL: '' when it is good, else the provider's code."""
        wanted = ("X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires", "X-Goog-SignedHeaders",
                  "X-Goog-Signature")
        if any(sum(1 for n, _ in request.query if n == name) != 1 for name in wanted):
            return "InvalidSecurity"
        algorithm, credential, date, expires, signed, signature = (request.arg(name) for name in wanted)
        scope = f"{date[:8]}/auto/storage/goog4_request"
        if algorithm != "GOOG4-RSA-SHA256" or credential != f"{self.key.email}/{scope}":
            return "InvalidSecurity"
        try:
            begins = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
            life, signature = int(expires), bytes.fromhex(signature)
        except ValueError:
            return "InvalidSecurity"
        if not 1 <= life <= 604800 or begins + life < self.clock.now() or begins > self.clock.now() + 900:
            return "ExpiredToken"
        names = signed.split(";")
        if names != sorted(names) or "host" not in names:
            return "InvalidSecurity"
        query = sorted((n, v) for n, v in request.query if n != "X-Goog-Signature")
        quote = lambda text: urllib.parse.quote(text, safe="-_.~")
        canonical = "\n".join([request.method, request.path, "&".join(quote(n) + "=" + quote(v) for n, v in query),
                               "".join(f"{n}:{' '.join(request.header(n, '').split())}\n" for n in names), signed,
                               request.header("x-goog-content-sha256", "UNSIGNED-PAYLOAD")])
        to_sign = "\n".join([algorithm, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        return "" if self.key.verify(to_sign.encode(), signature) else "SignatureDoesNotMatch"
