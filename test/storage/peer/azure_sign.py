"""Who may speak to the Azure peer: Shared Key, service and account SAS, OAuth tokens from its own token endpoint.

Sources: "Authorize with Shared Key", "Create a service SAS", "Create an account SAS", "Authorize with Microsoft Entra ID",
"Microsoft identity platform and the OAuth 2.0 client credentials flow", "Status and error codes".
"""
import base64
import calendar
import email.utils
import hashlib
import hmac
import json
import time
import urllib.parse

import digest
import wire

SKEW = 900
VERSIONS = ("2019-12-12", "2020-02-10", "2020-04-08", "2020-06-12", "2020-08-04", "2020-10-02", "2020-12-06", "2021-02-12", "2021-04-10",
            "2021-06-08", "2021-08-06", "2021-10-04", "2021-12-02", "2022-11-02", "2023-01-03", "2023-05-03", "2023-08-03", "2023-11-03",
            "2024-02-04", "2024-05-04", "2024-08-04", "2024-11-04", "2025-01-05", "2025-05-05", "2025-07-05", "2025-11-05", "2026-02-06",
            "2026-04-06")
STANDARD = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date", "if-modified-since", "if-match",
            "if-none-match", "if-unmodified-since", "range")
SAS = {"sv", "sp", "st", "se", "sr", "sig", "spr", "sip", "si", "ss", "srt", "ses", "rscc", "rscd", "rsce", "rscl", "rsct"}
SCOPE = "https://storage.azure.com/.default"


class Failure(Exception):
    """An error as the Blob service tells it."""

    def __init__(self, status, code, message="", headers=()):
        super().__init__(message or code)
        self.status, self.code, self.headers, self.detail = status, code, list(headers), ""


def refused(why):
    failure = Failure(403, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of Authorization "
                      "header is formed correctly including the signature.")
    failure.detail = why
    return failure


def weight(name):
    """Header names go by linguistic order: hyphens do not count, '_' before digits before letters."""
    return [(0 if c == "_" else 1 if c.isdigit() else 2, c) for c in name if c != "-"], name


def when(text):
    """Seconds of an ISO 8601 time in UTC, None when it is malformed."""
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"):
        try:
            return calendar.timegm(time.strptime(text, form))
        except ValueError:
            pass
    return None


class Authority:
    def __init__(self, clock, options):
        self.clock, self.options = clock, options
        self.account, self.key = "peeraccount", base64.b64encode(hashlib.sha512(b"peer").digest()).decode()
        self.tenant, self.client, self.secret = "peer-tenant", "peer-client", "peer~secret"
        self.assertion = "peer.federated.token"
        self.tokens = {}
        self.lifetime = 3600

    def mac(self, text):
        return base64.b64encode(hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()).decode()

    def check(self, request, need, resource, kind):
        """Raises a Failure unless the request may do what it needs: one of the letters of a SAS."""
        version = request.header("x-ms-version")
        if version is not None and version not in VERSIONS:
            raise Failure(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format: x-ms-version")
        scheme, _, value = request.header("authorization", "").partition(" ")
        if request.has("sig"):
            if scheme:
                raise Failure(400, "InvalidAuthenticationInfo", "both a SAS and an Authorization header")
            return self.check_sas(dict(request.query), need, resource, kind)
        if version is None:
            raise Failure(400, "MissingRequiredHeader", "x-ms-version")
        if scheme == "SharedKey":
            return self.check_key(request, value)
        if scheme == "Bearer":
            if self.tokens.get(value, 0) <= self.clock.now():
                raise Failure(401, "InvalidAuthenticationInfo", "Server failed to authenticate the request. Please refer to the information in the "
                              "www-authenticate header.", [("WWW-Authenticate", "Bearer authorization_uri=https://login.microsoftonline.com/"
                                                            + self.tenant + "/oauth2/authorize resource_id=https://storage.azure.com")])
            return None
        raise Failure(401, "NoAuthenticationInformation", "Server failed to authenticate the request.")

    def check_key(self, request, value):
        stamp = request.header("x-ms-date", request.header("date", ""))
        parsed = email.utils.parsedate(stamp)
        if not parsed or not stamp.endswith(" GMT"):
            raise refused("Date")
        if abs(calendar.timegm(parsed) - self.clock.now()) > SKEW:
            raise refused(f"Request date header too old: '{stamp}'")
        account, _, signature = value.partition(":")
        if account != self.account:
            raise refused("account")
        text = self.string_to_sign(request)
        if not hmac.compare_digest(self.mac(text), signature):
            raise refused("The MAC signature found in the HTTP request is not the same as any computed signature. Server used following string "
                          "to sign: " + repr(text))

    def string_to_sign(self, request):
        lines = [request.method]
        for name in STANDARD:
            value = request.header(name, "")
            if name == "content-length" and value == "0" or name == "date" and request.header("x-ms-date") is not None:
                value = ""
            lines.append(value)
        names = sorted({n for n, _ in request.headers if n.startswith("x-ms-")}, key=weight)
        lines += [f"{n}:{','.join(v.strip() for k, v in request.headers if k == n)}" for n in names]
        resource = "/" + self.account + request.path
        values = {}
        for name, value in request.query:
            values.setdefault(name.lower(), []).append(value)
        resource += "".join(f"\n{n}:{','.join(sorted(values[n]))}" for n in sorted(values))
        return "\n".join(lines + [resource])

    def check_sas(self, query, need, resource, kind):
        """A SAS for a resource (container/blob, decoded); kind is b, c or s (the account)."""
        get = lambda name: query.get(name, "")
        begins, ends = when(get("st")) if get("st") else 0, when(get("se"))
        if get("sv") not in VERSIONS or ends is None or begins is None or "skoid" in query or "si" in query:
            raise refused("SAS: parameters")
        container = resource.partition("/")[0]
        if "ss" in query:
            text = "\n".join([self.account] + [get(n) for n in ("sp", "ss", "srt", "st", "se", "sip", "spr", "sv")]) + "\n"
            if get("sv") >= "2020-12-06":
                text += get("ses") + "\n"
            covers = "b" in get("ss") and {"b": "o", "c": "c", "s": "s"}[kind] in get("srt")
        else:
            if get("sr") not in ("b", "c"):
                raise refused("SAS: sr")
            signed = f"/blob/{self.account}/" + (resource if get("sr") == "b" else container)
            lines = [get(n) for n in ("sp", "st", "se")] + [signed] + [get(n) for n in ("si", "sip", "spr", "sv", "sr")] + [""]
            if get("sv") >= "2020-12-06":
                lines.append(get("ses"))
            text = "\n".join(lines + [get(n) for n in ("rscc", "rscd", "rsce", "rscl", "rsct")])
            covers = kind == "b" or get("sr") == "c" and kind == "c"
        if not hmac.compare_digest(self.mac(text), get("sig")):
            raise refused("Signature did not match. String to sign used was " + repr(text))
        if not begins <= self.clock.now() < ends:
            raise refused("Signature not valid in the specified time frame")
        if get("spr") == "https" and not self.options["secure"]:
            raise Failure(403, "AuthorizationProtocolMismatch", "This request is not authorized to perform this operation using this protocol.")
        if not covers:
            raise Failure(403, "AuthorizationResourceTypeMismatch", "This request is not authorized to perform this operation using this resource type.")
        if not set(need) & set(get("sp")):
            raise Failure(403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")

    def token(self, request):
        """POST /TENANT/oauth2/v2.0/token"""
        form = dict(urllib.parse.parse_qsl(request.body.decode("ascii", "replace")))
        if request.header("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded" or \
                form.get("grant_type") != "client_credentials" or form.get("scope") != SCOPE:
            return self.token_answer(400, {"error": "invalid_request", "error_description": "AADSTS900144: parameters"})
        by_assertion = form.get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" and \
            form.get("client_assertion") == self.assertion
        if form.get("client_id") != self.client or not (form.get("client_secret") == self.secret or by_assertion):
            return self.token_answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."})
        token = self.issue(self.lifetime)
        return self.token_answer(200, {"token_type": "Bearer", "expires_in": self.lifetime - 1, "ext_expires_in": self.lifetime - 1, "access_token": token})

    def issue(self, seconds):
        token = "eyJ0eXAi.peer." + digest.sha256_hex(str(len(self.tokens)).encode())
        self.tokens[token] = self.clock.now() + seconds
        return token

    def token_answer(self, status, fields):
        return wire.Answer(status, [("Content-Type", "application/json; charset=utf-8")], json.dumps(fields), fields.get("error", ""))
