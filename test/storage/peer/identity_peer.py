"""Identity services of the platforms, beside a store's peer (peer.py … --identity) and in league with it: what they issue, it takes.

For S3 the Security Token Service, EC2 instance metadata version 2, and the agent of EKS Pod Identity; for Azure the instance
metadata service; for GCS the metadata server. (Entra's token endpoint and Google's are at the stores' own peers.) Strict where the
services are: the token of IMDSv2 comes by PUT with its lifetime and is asked for by every GET, version 1 is refused, so are
requests that a proxy has forwarded, the agent wants its Authorization, and Metadata and Metadata-Flavor must be there.

Sources: "AssumeRoleWithWebIdentity" of the STS API reference, "Use the Instance Metadata Service to access instance metadata", "Container
credential provider" of the AWS SDKs and tools reference guide, "How to use managed identities for Azure resources on a VM to acquire
an access token", "About VM metadata" and "Authenticate workloads to Google Cloud APIs using service accounts" of Google.
"""
import json
import re
import time
import urllib.parse

import wire
from s3_sign import Failure

ROLE = "peer-role"
FORWARDED = ("x-forwarded-for", "forwarded", "via")


def refused(status, code):
    return wire.Answer(status, [("Content-Type", "application/json")], json.dumps({"code": code, "message": code}), code)


class Dialect:
    """What the services of all three have in common. store is the dialect of the store's peer."""

    def __init__(self, clock, endpoint, store):
        self.clock, self.endpoint, self.peer = clock, endpoint, store
        self.session_s = 3600
        self.store = None

    def set_options(self, options):
        self.session_s = options.get("session_s", self.session_s)
        if options.get("revoke"):
            self.revoke()
        if "token" in options:
            self.set_token(options["token"])

    def forget(self):
        """There are no objects."""

    def partial(self, request):
        """A request that broke leaves nothing."""

    def flippable(self, request):
        return 0, len(request.body)

    def fault_status(self, request, fault):
        return refused(fault["status"], fault.get("code", "Injected"))

    def fault_expired(self, request):
        return refused(403, "ExpiredToken")

    def fault_error_200(self, request):
        return wire.Answer(200, [("Content-Type", "application/json")], json.dumps({"Code": "AssumeRoleUnauthorizedAccess"}), "error in a 200")

    def fault_stale(self, request):
        return None

    def until(self, seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock.now() + seconds))

    def handle(self, request):
        if any(request.header(name) is not None for name in FORWARDED):
            return refused(403, "Forwarded")
        for method, path, name in self.ROUTES:
            if request.method == method and re.fullmatch(path, request.path):
                return getattr(self, name)(request)
        return refused(404, "NotFound")


class S3(Dialect):
    ROUTES = (("POST", "/", "assume_role"), ("PUT", "/latest/api/token", "imds_token"),
              ("GET", "/latest/meta-data/iam/security-credentials/[^/]*", "imds"), ("GET", "/v1/credentials", "agent"))

    def __init__(self, clock, endpoint, store):
        super().__init__(clock, endpoint, store)
        self.pod_token = "peer.pod.token"
        self.imds_tokens = {}                 # token -> expiry

    def told(self):
        return {"role": ROLE, "agent_uri": self.endpoint + "/v1/credentials", "pod_token": self.pod_token,
                "web_identity_token": self.peer.signatures.web_identity}

    def set_token(self, token):
        self.pod_token = self.peer.signatures.web_identity = token

    def revoke(self):
        for key, (secret, token, _) in self.peer.signatures.temporary.items():
            self.peer.signatures.temporary[key] = (secret, token, 0)
        self.imds_tokens.clear()

    def assume_role(self, request):
        try:
            if request.header("authorization") is not None:
                raise Failure(403, "AccessDenied", "This call is not signed.")
            return self.peer.signatures.assume_role(request, self.session_s)
        except Failure as failure:
            return wire.Answer(failure.status, [("Content-Type", "text/xml")],
                               '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
                               f"<Code>{failure.code}</Code><Message>{failure}</Message></Error><RequestId>peer</RequestId></ErrorResponse>",
                               failure.code)

    def issued(self, **more):
        key = self.peer.signatures.issue(self.session_s)
        secret, token, _ = self.peer.signatures.temporary[key]
        return wire.Answer(200, [("Content-Type", "application/json")],
                           json.dumps({"AccessKeyId": key, "SecretAccessKey": secret, "Token": token,
                                       "Expiration": self.until(self.session_s), **more}))

    def imds_token(self, request):
        ttl = request.header("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600 or request.body:
            return wire.Answer(400, code="ttl")
        token = f"AQAEA{len(self.imds_tokens) + 1:08d}peer=="
        self.imds_tokens[token] = self.clock.now() + int(ttl)
        return wire.Answer(200, [("Content-Type", "text/plain"), ("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", ttl)], token)

    def imds(self, request):
        if self.imds_tokens.get(request.header("x-aws-ec2-metadata-token"), 0) <= self.clock.now():
            return wire.Answer(401, code="no token")
        role = request.path.rpartition("/")[2]
        if role == "":
            return wire.Answer(200, [("Content-Type", "text/plain")], ROLE)
        if role != ROLE:
            return wire.Answer(404, code="role")
        return self.issued(Code="Success", Type="AWS-HMAC", LastUpdated=self.until(0))

    def agent(self, request):
        if request.header("authorization") != self.pod_token:
            return refused(401, "InvalidTokenException")
        return self.issued(AccountId="123456789012")


class Azure(Dialect):
    ROUTES = (("GET", "/metadata/identity/oauth2/token", "token"),)

    def told(self):
        return {"web_identity_token": self.peer.authority.assertion}

    def set_token(self, token):
        self.peer.authority.assertion = token

    def revoke(self):
        for token in self.peer.authority.tokens:
            self.peer.authority.tokens[token] = 0

    def token(self, request):
        arguments = dict(request.query)
        if request.header("metadata") != "true":
            return wire.Answer(400, [("Content-Type", "application/json")],
                               json.dumps({"error": "invalid_request", "error_description": "Required metadata header not specified"}), "no header")
        if arguments.pop("api-version", "") != "2018-02-01" or arguments.pop("resource", "").rstrip("/") != "https://storage.azure.com" \
                or arguments.pop("client_id", self.peer.authority.client) != self.peer.authority.client or arguments:
            return wire.Answer(400, [("Content-Type", "application/json")],
                               json.dumps({"error": "invalid_request", "error_description": "Identity not found"}), "arguments")
        token = self.peer.authority.issue(self.session_s)
        return wire.Answer(200, [("Content-Type", "application/json")],
                           json.dumps({"access_token": token, "client_id": self.peer.authority.client, "expires_in": str(self.session_s - 1),
                                       "expires_on": str(int(self.clock.now()) + self.session_s), "resource": "https://storage.azure.com/",
                                       "token_type": "Bearer"}))


class GCS(Dialect):
    ROUTES = (("GET", "/computeMetadata/v1/instance/service-accounts/default/token", "token"),)

    def told(self):
        return {"web_identity_token": self.peer.tokens.subject}

    def set_token(self, token):
        self.peer.tokens.subject = token

    def revoke(self):
        self.peer.tokens.issued.clear()

    def token(self, request):
        flavor = [("Metadata-Flavor", "Google"), ("Server", "Metadata Server for VM")]
        if request.header("metadata-flavor") != "Google":
            return wire.Answer(403, flavor, "Missing Metadata-Flavor:Google header.", "no header")
        arguments = dict(request.query)
        if set(arguments) - {"scopes"} or not arguments.get("scopes", "https://www.googleapis.com/auth/").startswith("https://www.googleapis.com/auth/"):
            return wire.Answer(400, flavor, code="arguments")
        lifetime, self.peer.tokens.lifetime = self.peer.tokens.lifetime, self.session_s
        token = self.peer.tokens.issue("write")
        self.peer.tokens.lifetime = lifetime
        return wire.Answer(200, [("Content-Type", "application/json"), *flavor],
                           json.dumps({"access_token": token, "expires_in": self.session_s - 1, "token_type": "Bearer"}))


DIALECTS = {"s3": S3, "azure": Azure, "gcs": GCS}
