"""Self-test of the identity services beside the peers: what the platforms refuse is refused, what they give the stores take."""
import json
import urllib.parse

from selftest import Peer, done, equal, ok


def service(dialect):
    """A peer, and a way to send requests to its identity services."""
    peer = Peer(dialect, "--identity")
    host, peer.identity = peer.host, peer.info["identity"]

    def ask(method, target, body=b"", headers=()):
        peer.host = urllib.parse.urlsplit(peer.identity["endpoint"]).netloc
        answer = peer.send(method, target, body, headers)
        peer.host = host
        return answer
    return peer, ask


peer, ask = service("s3")
ROLES, TTL = "/latest/meta-data/iam/security-credentials/", "X-aws-ec2-metadata-token-ttl-seconds"
equal(ask("GET", ROLES).status, 401, "IMDS: version 1 is refused")
equal(ask("PUT", "/latest/api/token").status, 400, "IMDS: a token has a lifetime")
equal(ask("PUT", "/latest/api/token", headers=[(TTL, "21601")]).status, 400, "IMDS: of six hours at most")
equal(ask("PUT", "/latest/api/token", headers=[(TTL, "60"), ("X-Forwarded-For", "10.0.0.1")]).status, 403, "IMDS: not through a proxy")
token = ("X-aws-ec2-metadata-token", ask("PUT", "/latest/api/token", headers=[(TTL, "60")]).text())
equal(ask("GET", ROLES, headers=[token]).text(), peer.identity["role"], "IMDS: it names the role")
equal(ask("GET", ROLES + "other", headers=[token]).status, 404, "IMDS: there is no other one")
keys = ask("GET", ROLES + peer.identity["role"], headers=[token]).json()
ok(keys["Code"] == "Success" and keys["AccessKeyId"].startswith("ASIA") and keys["Token"] and keys["Expiration"].endswith("Z"), "IMDS: and gives its credentials")
equal(ask("GET", ROLES, headers=[("X-aws-ec2-metadata-token", "made up")]).status, 401, "IMDS: a token that it never gave")
equal(ask("GET", "/v1/credentials").status, 401, "agent: not without authorization")
equal(ask("GET", "/v1/credentials", headers=[("Authorization", "Bearer " + peer.identity["pod_token"])]).status, 401, "agent: the token as it is, without a scheme")
ok(ask("GET", "/v1/credentials", headers=[("Authorization", peer.identity["pod_token"])]).json()["AccessKeyId"] != keys["AccessKeyId"], "agent: gives credentials")
form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "me",
        "WebIdentityToken": peer.identity["web_identity_token"]}
kind = [("Content-Type", "application/x-www-form-urlencoded")]
ok("<SessionToken>" in ask("POST", "/", urllib.parse.urlencode(form).encode(), kind).text(), "STS: a session for a token")
wrong = ask("POST", "/", urllib.parse.urlencode({**form, "WebIdentityToken": "x"}).encode(), kind)
ok(wrong.status == 400 and "<Code>InvalidIdentityToken</Code>" in wrong.text(), "STS: none for a wrong one")
equal(ask("POST", "/", urllib.parse.urlencode(form).encode(), kind + [("Authorization", "AWS4")]).status, 403, "STS: the call is not signed")

peer, ask = service("azure")
URL = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F"
equal(ask("GET", URL).status, 400, "Azure: not without Metadata: true")
equal(ask("GET", URL.replace("storage", "vault"), headers=[("Metadata", "true")]).status, 400, "Azure: not for another resource")
equal(ask("GET", URL + "&client_id=other", headers=[("Metadata", "true")]).status, 400, "Azure: not for another identity")
issued = ask("GET", URL, headers=[("Metadata", "true")]).json()
ok(issued["token_type"] == "Bearer" and issued["expires_in"].isdigit(), "Azure: a token")
bearer = [("Authorization", "Bearer " + issued["access_token"]), ("x-ms-version", "2021-12-02")]
LIST = "/" + peer.info["account"] + "/bucket?restype=container&comp=list"
equal(peer.send("GET", LIST, headers=bearer).status, 200, "Azure: that the store takes")
peer.host, store = urllib.parse.urlsplit(peer.identity["endpoint"]).netloc, peer.host
peer.control("POST", "settings", {"revoke": True})
peer.host = store
equal(peer.send("GET", LIST, headers=bearer).status, 401, "Azure: until it ends")

peer, ask = service("gcs")
URL = "/computeMetadata/v1/instance/service-accounts/default/token"
equal(ask("GET", URL).status, 403, "GCE: not without Metadata-Flavor")
equal(ask("GET", URL, headers=[("Metadata-Flavor", "Google"), ("X-Forwarded-For", "10.0.0.1")]).status, 403, "GCE: not through a proxy")
answer = ask("GET", URL, headers=[("Metadata-Flavor", "Google")])
equal(answer.headers.get("metadata-flavor"), "Google", "GCE: it says that it is Google")
listing = peer.send("GET", "/storage/v1/b/bucket/o", headers=[("Authorization", "Bearer " + json.loads(answer.body)["access_token"])])
equal(listing.status, 200, "GCE: the store takes its token")
done()
