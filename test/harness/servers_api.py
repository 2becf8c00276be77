#!/usr/bin/env python3
"""What test/harness/servers asks of the servers that it starts, by the standard library alone.

    servers_api.py ports COUNT [LOW-HIGH]       free ports of 127.0.0.1, one line
    servers_api.py random BYTES [base64]        a secret, in hex or base64
    servers_api.py ready URL SECONDS PID        waits for any HTTP answer; fails at once when PID is gone
    servers_api.py bucket KIND ENDPOINT NAME    makes a bucket or container, which may exist; KIND is s3, azure or gcs
    servers_api.py versioned ENDPOINT NAME      switches versioning of an S3 bucket on
    servers_api.py policy ENDPOINT NAME FILE    gives an S3 bucket a policy (JSON)
    servers_api.py put BUCKET KEY FILE [HEADERS]    writes an object, as somebody else would: without any condition; HEADERS is JSON
    servers_api.py get BUCKET KEY FILE          fetches one; fails when it is not there
    servers_api.py describe BUCKET KEY          what S3 or Azure tells of one besides its bytes, as JSON: headers and tags
    servers_api.py list BUCKET                  names its objects, one a line, percent-encoded (a bucket of tests: one page)
    servers_api.py begin BUCKET KEY [FILE]      begins an upload in parts (S3), as somebody else would, sends FILE as its part 1; tells its id
    servers_api.py uploads BUCKET               unfinished uploads of an S3 bucket, as lines "key id"
    servers_api.py peer FILE                    what a scripted peer said when it was ready, as NAME=VALUE lines

Credentials come from the environment as the scripts write them: CF_ACCESS_KEY, CF_SECRET_KEY and CF_REGION for S3,
CF_ACCOUNT and CF_ACCOUNT_KEY for Azure. Only this file signs outside of cloudflux: a bucket that the drivers under test
had made would prove less.
"""
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree


def ports(count, low_high=None):
    """Ports that are free now, all held while they are looked for, so that they differ."""
    held = []
    wanted = range(*(int(n) + i for i, n in enumerate(low_high.split('-')))) if low_high else [0] * 1000
    # Two scripts that look at the same time should not find the same ones.
    wanted = sorted(wanted, key=lambda _: secrets.randbelow(1 << 30))
    for port in wanted:
        if len(held) == int(count):
            break
        s = socket.socket()
        try:
            s.bind(('127.0.0.1', port))
            held.append(s)
        except OSError:
            s.close()
    if len(held) < int(count):
        sys.exit('no free ports')
    print(*(s.getsockname()[1] for s in held))


def ready(url, seconds, pid):
    deadline = time.monotonic() + float(seconds)
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except urllib.error.HTTPError as answer:
            # A 5xx comes from a server that is still waking up.
            if answer.code < 500:
                return
        except (OSError, http.client.HTTPException):
            pass
        if not os.path.exists(f'/proc/{pid}'):
            sys.exit('the server ended')
        if time.monotonic() > deadline:
            sys.exit(f'no answer within {seconds} s')
        time.sleep(0.05)


last_headers = {}


def send(method, url, headers=None, body=b''):
    """(status, body) of one request; an answer that is an error is an answer. Its headers are in last_headers."""
    request = urllib.request.Request(url, data=body or None, method=method, headers=headers or {})
    last_headers.clear()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            last_headers.update((n.lower(), v) for n, v in answer.headers.items())
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()


def s3(method, endpoint, path, query='', body=b'', extra=None):
    """One request with Signature Version 4."""
    url = urllib.parse.urlsplit(endpoint)
    now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    day, region = now[:8], os.environ.get('CF_REGION') or 'us-east-1'
    digest = hashlib.sha256(body).hexdigest()
    headers = {'host': url.netloc, 'x-amz-content-sha256': digest, 'x-amz-date': now, **(extra or {})}
    names = ';'.join(sorted(headers))
    canonical = '\n'.join([method, path, query] + [f'{n}:{headers[n]}' for n in sorted(headers)] + ['', names, digest])
    scope = f'{day}/{region}/s3/aws4_request'
    text = '\n'.join(['AWS4-HMAC-SHA256', now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ('AWS4' + os.environ['CF_SECRET_KEY']).encode()
    for part in (day, region, 's3', 'aws4_request'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers['authorization'] = (f"AWS4-HMAC-SHA256 Credential={os.environ['CF_ACCESS_KEY']}/{scope}, "
                                f'SignedHeaders={names}, Signature={signature}')
    return send(method, f'{endpoint}{path}' + ('?' + query if query else ''), headers, body)


def azure(method, endpoint, path, query='', body=b'', extra=None):
    """One request with Shared Key; the path of an emulator begins with the account, which is signed twice."""
    account, key = os.environ['CF_ACCOUNT'], base64.b64decode(os.environ['CF_ACCOUNT_KEY'])
    url = urllib.parse.urlsplit(endpoint)
    headers = {'x-ms-date': datetime.datetime.now(datetime.timezone.utc).strftime('%a, %d %b %Y %H:%M:%S GMT'),
               'x-ms-version': '2021-12-02', **(extra or {})}
    # urllib sends a content type of its own with a body unless it is told one.
    kind = 'application/octet-stream' if body else ''
    text = '\n'.join([method, '', '', str(len(body)) if body else '', '', kind] + [''] * 6 +
                     [f'{n}:{headers[n]}' for n in sorted(headers)] + [f'/{account}{url.path}{path}'] +
                     [part.replace('=', ':') for part in query.split('&') if part])
    signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    headers['Authorization'] = f'SharedKey {account}:{signature}'
    headers['Content-Length'] = str(len(body))
    if kind:
        headers['Content-Type'] = kind
    return send(method, f'{endpoint}{path}' + ('?' + query if query else ''), headers, body)


def bucket(kind, endpoint, name):
    if kind == 's3':
        status, body = s3('PUT', endpoint, '/' + name)
    elif kind == 'azure':
        status, body = azure('PUT', endpoint, '/' + name, 'restype=container')
    else:
        status, body = send('POST', endpoint + '/storage/v1/b?project=test', {'Content-Type': 'application/json'},
                            json.dumps({'name': name}).encode())
    if status not in (200, 201, 409):
        sys.exit(f'could not make {name}: {status} {body.decode(errors="replace")}')


def versioned(endpoint, name):
    status, body = s3('PUT', endpoint, '/' + name, 'versioning=',
                      b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                      b'<Status>Enabled</Status></VersioningConfiguration>')
    if status != 200:
        sys.exit(f'could not switch versions of {name} on: {status} {body.decode(errors="replace")}')


def policy(endpoint, name, path):
    with open(path, 'rb') as source:
        status, body = s3('PUT', endpoint, '/' + name, 'policy=', source.read())
    if status not in (200, 204):
        sys.exit(f'could not set the policy of {name}: {status} {body.decode(errors="replace")}')


def exchange(name, key, body=None, headers=None):
    """Writes (body) or reads an object of the server that the environment tells; (status, bytes)."""
    endpoint, provider = os.environ['CF_ENDPOINT'], os.environ['CF_PROVIDER']
    quoted = urllib.parse.quote(key, safe='/~')
    method = 'GET' if body is None else 'PUT'
    if os.environ['CF_SERVER'].startswith('peer-'):
        root = '{0.scheme}://{0.netloc}/_peer/object'.format(urllib.parse.urlsplit(endpoint))
        if body is None:
            return send('GET', f'{root}?bucket={name}&key={urllib.parse.quote(key, safe="")}')
        return send('POST', root, {'Content-Type': 'application/json'},
                    json.dumps({'bucket': name, 'key': key, 'text': body.decode('latin-1')}).encode())
    if provider == 'Azure':
        return azure(method, endpoint, f'/{name}/{quoted}', '', body or b'',
                     body is not None and {'x-ms-blob-type': 'BlockBlob', **(headers or {})})
    if provider == 'GCP':
        everything = urllib.parse.quote(key, safe='')
        if body is None:
            return send('GET', f'{endpoint}/storage/v1/b/{name}/o/{everything}?alt=media')
        return send('POST', f'{endpoint}/upload/storage/v1/b/{name}/o?uploadType=media&name={everything}',
                    {'Content-Type': 'application/octet-stream'}, body)
    return s3(method, endpoint, f'/{name}/{quoted}', '', body or b'', headers)


def put(name, key, path, headers='{}'):
    with open(path, 'rb') as source:
        status, body = exchange(name, key, source.read(), json.loads(headers))
    if status not in (200, 201, 204):
        sys.exit(f'could not write {key}: {status} {body.decode(errors="replace")}')


def get(name, key, path):
    status, body = exchange(name, key)
    if status != 200:
        sys.exit(f'could not read {key}: {status} {body.decode(errors="replace")}')
    with open(path, 'wb') as target:
        target.write(body)


def describe(name, key):
    endpoint, path = os.environ['CF_ENDPOINT'], f"/{name}/{urllib.parse.quote(key, safe='/~')}"
    ask, query = (azure, 'comp=tags') if os.environ['CF_PROVIDER'] == 'Azure' else (s3, 'tagging=')
    status, _ = ask('HEAD', endpoint, path)
    if status != 200:
        sys.exit(f'could not look at {key}: {status}')
    headers = dict(last_headers)
    status, body = ask('GET', endpoint, path, query)
    tags = re.findall(r'<Key>(.*?)</Key>\s*<Value>(.*?)</Value>', body.decode()) if status == 200 else []
    print(json.dumps({'headers': headers, 'tags': dict(tags)}))


def keys(name):
    """The keys of all objects of a bucket."""
    endpoint, provider = os.environ['CF_ENDPOINT'], os.environ['CF_PROVIDER']
    if os.environ['CF_SERVER'].startswith('peer-'):
        status, body = send('GET', '{0.scheme}://{0.netloc}/_peer/objects?bucket={1}'.format(urllib.parse.urlsplit(endpoint), name))
        found = [entry['key'] for entry in json.loads(body)['objects']] if status == 200 else []
    elif provider == 'GCP':
        status, body = send('GET', f'{endpoint}/storage/v1/b/{name}/o')
        found = [entry['name'] for entry in json.loads(body).get('items', [])] if status == 200 else []
    else:
        status, body = azure('GET', endpoint, f'/{name}', 'comp=list&restype=container') if provider == 'Azure' else \
            s3('GET', endpoint, f'/{name}', 'list-type=2')
        root = xml.etree.ElementTree.fromstring(body)
        found = [entry.text for entry in root.iter() if entry.tag.split('}')[-1] == ('Name' if provider == 'Azure' else 'Key')]
        if any(entry.tag.split('}')[-1] in ('NextMarker', 'NextContinuationToken') and entry.text for entry in root.iter()):
            sys.exit(f'{name} has more objects than one page')
    if status != 200:
        sys.exit(f'could not list {name}: {status} {body.decode(errors="replace")}')
    return found


def list_keys(name):
    for key in keys(name):
        print(urllib.parse.quote(key, safe='/'))


def begin(name, key, path=None):
    endpoint, quoted = os.environ['CF_ENDPOINT'], urllib.parse.quote(key, safe='/~')
    status, body = s3('POST', endpoint, f'/{name}/{quoted}', 'uploads=')
    if status != 200:
        sys.exit(f'could not begin an upload of {key}: {status} {body.decode(errors="replace")}')
    upload = re.search(r'<UploadId>([^<]+)</UploadId>', body.decode()).group(1)
    if path:
        with open(path, 'rb') as source:
            status, body = s3('PUT', endpoint, f'/{name}/{quoted}',
                              'partNumber=1&uploadId=' + urllib.parse.quote(upload, safe='~'), source.read())
        if status != 200:
            sys.exit(f'could not write a part of {key}: {status} {body.decode(errors="replace")}')
    print(upload)


def uploads(name):
    status, body = s3('GET', os.environ['CF_ENDPOINT'], f'/{name}', 'uploads=')
    if status != 200:
        sys.exit(f'could not list the uploads: {status} {body.decode(errors="replace")}')
    for upload in re.findall(r'<Upload>(.*?)</Upload>', body.decode(), re.DOTALL):
        print(*(re.search(rf'<{tag}>([^<]*)</{tag}>', upload).group(1) for tag in ('Key', 'UploadId')))


def peer(path):
    with open(path, encoding='utf-8') as told:
        said = json.load(told)
    provider, options, credentials = said['dialect'], {'endpoint': said['endpoint']}, {}
    if provider == 'gcs':
        with open(said['service_account_file'], encoding='utf-8') as key:
            credentials = {'service_account_key': key.read()}
    else:
        credentials = {name: said[name] for name in ('access_key_id', 'secret_access_key', 'account_key') if name in said}
    if 'region' in said:
        options['region'] = said['region']
    for name, value in (('PROVIDER', {'s3': 'AWS', 'azure': 'Azure', 'gcs': 'GCP'}[provider]), ('ENDPOINT', said['endpoint']),
                        ('REGION', said.get('region', '')), ('OPTIONS', json.dumps(options)),
                        ('CREDENTIALS', json.dumps(credentials)), ('ACCESS_KEY', credentials.get('access_key_id', '')),
                        ('SECRET_KEY', credentials.get('secret_access_key', ''))):
        print(f'CF_{name}={value}')


def random(count, form='hex'):
    raw = secrets.token_bytes(int(count))
    print(base64.b64encode(raw).decode() if form == 'base64' else raw.hex())


if __name__ == '__main__':
    verbs = {f.__name__: f for f in (ports, random, ready, bucket, versioned, policy, put, get, describe, begin, uploads, peer)}
    verbs['list'] = list_keys
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    verbs[sys.argv[1]](*sys.argv[2:])
