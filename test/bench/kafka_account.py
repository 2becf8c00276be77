"""What a consumer has against what was committed: kafka_account.py BROKERS TOPIC < committed, lines of "subject version".

Both outboxes write the version as data.v into the body of a message whose key is the subject. Prints how many events are missing, how many came again,
and how many came after a later version of their subject.
"""

import json
import subprocess
import sys

brokers, topic = sys.argv[1:]
wanted = {(subject, int(version)) for subject, version in (line.split() for line in sys.stdin)}
lines = subprocess.run(
    ["kcat", "-q", "-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-X", "isolation.level=read_committed", "-f", "%k|%s\n"],
    stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
seen, unknown, again, late, last = set(), 0, 0, 0, {}
for line in lines:
    subject, payload = line.split("|", 1)
    event = (subject, json.loads(payload)["data"]["v"])
    unknown += event not in wanted
    again += event in seen
    late += event not in seen and event[1] < last.get(subject, 0)
    seen.add(event)
    last[subject] = max(event[1], last.get(subject, 0))
print("%d committed: %d missing, %d came again, %d after a later one of their subject, %d never committed"
      % (len(wanted), len(wanted - seen), again, late, unknown))
