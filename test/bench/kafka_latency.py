"""How old events are when a read_committed consumer (kcat) has them: kafka_latency.py BROKERS TOPIC SECONDS."""

import datetime
import subprocess
import sys
import threading

brokers, topic, seconds = sys.argv[1:]
reader = subprocess.Popen(
    ["kcat", "-q", "-u", "-C", "-b", brokers, "-t", topic, "-o", "end", "-f", "%h\n",
     "-X", "isolation.level=read_committed", "-X", "fetch.wait.max.ms=10"],
    stdout=subprocess.PIPE, text=True)
threading.Timer(float(seconds), reader.kill).start()
ages = []
for line in reader.stdout:
    now = datetime.datetime.now(datetime.timezone.utc)
    told = dict(pair.split("=", 1) for pair in line.strip().split(","))["event_time"]
    ages.append((now - datetime.datetime.fromisoformat(told.replace("Z", "+00:00"))).total_seconds() * 1000)
ages.sort()
if ages:
    at = [ages[min(len(ages) - 1, int(len(ages) * q))] for q in (0.5, 0.99)]
    print("%d events, p50 %.0f ms, p99 %.0f ms" % (len(ages), *at))
else:
    print("none arrived")
