# An outbox poller as people write it (kafka_poller.py) beside the publisher, on the same cluster and broker; sourced by bench_kafka.

test/harness/servers install poller
poller_python=$(test/harness/servers program poller)

# poller TOPIC MODE: keeps one running until poller_stop, as a supervisor would.
poller()
{
	rm -f build/bench/stop
	while [ ! -e build/bench/stop ]; do
		PGOPTIONS="-c search_path=$2" "$poller_python" test/bench/kafka_poller.py "$CF_ENDPOINT" "$1" "$2" 2> build/bench/poller.log &
		echo $! > "build/bench/poller-$2.pid"
		wait $! || sleep 0.2
	done 2> /dev/null &
	poller_loops="${poller_loops:-} $!"
}

# poller_stop ends them all.
poller_stop()
{
	touch build/bench/stop
	kill $(cat build/bench/poller-*.pid) 2> /dev/null || :
	# shellcheck disable=SC2086
	wait $poller_loops || :
	poller_loops=''
	rm -f build/bench/poller-*.pid
}

# poller_tables: one outbox per way of reading it.
poller_tables()
{
	local mode
	for mode in sequence queue; do
		sql -c "CREATE SCHEMA $mode" -c "CREATE TABLE $mode.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject text NOT NULL, payload text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp())" \
			-c "CREATE TABLE $mode.outbox_position (last_id bigint NOT NULL)" -c "INSERT INTO $mode.outbox_position VALUES (0)"
		tool TopicCommand --bootstrap-server "$CF_ENDPOINT" --create --topic "$mode" --partitions 1 --replication-factor 1 > /dev/null
	done
}

# until_drained MODE: nothing is left for the poller.
until_drained()
{
	local left="EXISTS (SELECT FROM queue.outbox)"
	[ "$1" = queue ] || left="(SELECT max(id) FROM sequence.outbox) > (SELECT last_id FROM sequence.outbox_position)"
	until [ "$(sql -c "SELECT NOT COALESCE($left, false)")" = t ]; do sleep 0.02; done
}

# poller_backlog MODE COUNT: its events/s of a backlog, messages of $bytes.
poller_backlog()
{
	local begin end
	sql -c "INSERT INTO $1.outbox (subject, payload) SELECT 'k' || i % 1000, rpad('{\"data\": {\"v\": ' || i || '}, \"pad\": \"', $bytes - 2, 'x') || '\"}' FROM generate_series(1, $2) i"
	begin=$(date +%s%N)
	until_drained "$1"
	end=$(date +%s%N)
	echo $(($2 * 1000000000 / (end - begin)))
}

# accounts: transactions of 0 to 40 ms write one event to each outbox, while publisher and pollers are killed; what do consumers have?
accounts()
{
	local round mode
	sql -c 'CREATE TABLE versions (id int PRIMARY KEY, v int NOT NULL); INSERT INTO versions SELECT i, 0 FROM generate_series(1, 200) i'
	sql -c "SELECT count(*) FROM cloudflux.create_topics(ARRAY['alerts'])" > /dev/null
	until [ "$(sql -c "SELECT bool_and(state = 'present') FROM cloudflux.topic_requests")" = t ]; do sleep 0.1; done
	cat > build/bench/account.sql <<-'SQL'
		\set id random(1, 200)
		\set ms random(0, 40)
		BEGIN;
		UPDATE versions SET v = v + 1 WHERE id = :id RETURNING v \gset
		INSERT INTO sequence.outbox (subject, payload) VALUES ('k' || :id, json_build_object('data', json_build_object('v', :v)));
		INSERT INTO queue.outbox (subject, payload) VALUES ('k' || :id, json_build_object('data', json_build_object('v', :v)));
		INSERT INTO cloudflux.events (topic, event_type, subject, data) VALUES ('alerts', 'bench.account', 'k' || :id, jsonb_build_object('v', :v));
		\sleep :ms ms
		COMMIT;
	SQL
	for round in 1 2 3; do
		pgbench -n -c 8 -T 5 -f build/bench/account.sql postgres > build/bench/account.log 2>&1 &
		sleep 2
		kill -KILL $(cat build/bench/poller-*.pid)
		sleep 2
		kill -KILL "$(sql -c "SELECT pid FROM cloudflux.workers WHERE worker = 'publisher'")"
		wait $! || :
		until sql -c 'SELECT 1' > /dev/null 2>&1; do sleep 0.2; done
	done
	for mode in sequence queue; do until_drained "$mode"; done
	until [ "$(sql -c 'SELECT count(*) FROM cloudflux.unpublished_events()')" = 0 ]; do sleep 0.2; done
	poller_stop
	sql -F ' ' -c "SELECT subject, data->>'v' FROM cloudflux.events WHERE event_type = 'bench.account'" > build/bench/committed
	for mode in alerts:cloudflux sequence:poller-by-sequence queue:poller-with-SKIP-LOCKED; do
		echo "transactions of 0 to 40 ms, three kills, ${mode#*:}: $(python3 test/bench/kafka_account.py "$CF_ENDPOINT" "${mode%%:*}" < build/bench/committed)"
	done
}
