#!/usr/bin/env python3
"""Holds messages (one JSON a line, on standard input) against docs/schemas, by a validator that is not ours.

    validate.py SCHEMAS     prints one line per type: "TYPE COUNT"; a message that does not fit is told on standard error, with exit code 1
"""
import collections
import json
import os
import sys

import jsonschema

folder = sys.argv[1]
schemas = {}
for name in os.listdir(folder):
    if not name.endswith('.json'):
        continue
    with open(os.path.join(folder, name), encoding='utf-8') as text:
        schema = json.load(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    if schema['$id'] != 'urn:cloudflux:schema:' + ':'.join(name.rsplit('.', 2)[:2]):
        sys.exit(f"{name} says that it is {schema['$id']}")
    schemas[schema['$id']] = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())

count, wrong = collections.Counter(), 0
for line in sys.stdin:
    event = json.loads(line)
    count[event['type']] += 1
    known = schemas.get(event['dataschema'])
    faults = [f'the envelope: {fault.message}' for fault in schemas['urn:cloudflux:schema:envelope:1'].iter_errors(event)]
    if known is None:
        faults.append(f"no schema {event['dataschema']}")
    else:
        faults += [f'the data: {fault.message}' for fault in known.iter_errors(event['data'])]
    for fault in faults:
        wrong += 1
        if wrong <= 20:
            print(f"{event['type']} {event['id']}: {fault[:400]}", file=sys.stderr)
for name in sorted(count):
    print(name, count[name])
sys.exit(1 if wrong else 0)
