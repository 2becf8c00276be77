"""An outbox poller as people write it: kafka_poller.py BROKERS TOPIC sequence|queue (libpq's environment tells the database).

sequence: reads rows above the last id that it has sent, sends and flushes them, writes that id down.
queue:    takes rows with FOR UPDATE SKIP LOCKED, sends and flushes them, deletes them.

Both commit after the broker has acknowledged, so a crash in between sends again; neither uses Kafka's transactions.
"""

import sys
import time

import psycopg
from confluent_kafka import Producer

BATCH = 1000
IDLE_SECONDS = 0.05

brokers, topic, mode = sys.argv[1:]
producer = Producer({"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True, "linger.ms": 5})
failed = []


def told(error, message):
    if error is not None:
        failed.append(error)


def send(rows):
    for row_id, subject, payload, created_at in rows:
        while True:
            try:
                producer.produce(topic, key=subject, value=payload, on_delivery=told,
                                 headers={"event_id": str(row_id), "event_time": created_at.astimezone().isoformat()})
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    if failed:
        raise RuntimeError(failed[0])


with psycopg.connect("") as connection:
    while True:
        with connection.transaction():
            if mode == "sequence":
                rows = connection.execute(
                    "SELECT id, subject, payload, created_at FROM outbox"
                    " WHERE id > (SELECT last_id FROM outbox_position) ORDER BY id LIMIT %s", (BATCH,)).fetchall()
            else:
                rows = connection.execute(
                    "SELECT id, subject, payload, created_at FROM outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED", (BATCH,)).fetchall()
            if rows:
                send(rows)
                if mode == "sequence":
                    connection.execute("UPDATE outbox_position SET last_id = %s", (rows[-1][0],))
                else:
                    connection.execute("DELETE FROM outbox WHERE id = ANY (%s)", ([row[0] for row in rows],))
        if not rows:
            time.sleep(IDLE_SECONDS)
