# What others notice of a broker that is dead, or stands still, while events wait for it; sourced by bench_kafka. Milliseconds, the median of CF_RUNS.

# took COMMAND …: how long it takes, in ms.
took()
{
	local begin
	begin=$(date +%s%N)
	"$@" > /dev/null
	echo $((($(date +%s%N) - begin) / 1000000))
}

until_waiting() { until [ "$(sql "$@" -c "SELECT state FROM cloudflux.event_positions WHERE reader = 'kafka'")" = waiting ]; do sleep 0.1; done; }

# neighbour WHAT: events are written, nobody takes them.
neighbour()
{
	local what=$1 a='' b='' c='' _
	sql -c "SELECT cloudflux.emit_events('analytics', 'bench.dead', ARRAY['dead'], NULL)" > /dev/null
	until_waiting
	for _ in $(seq "$CF_RUNS"); do
		sql -c 'CREATE DATABASE other'
		a="$a $(took sql -c 'DROP DATABASE other')"
		sql -c 'CREATE DATABASE own'
		sql -d own -c 'CREATE EXTENSION cloudflux' -c "SELECT cloudflux.emit_events('analytics', 'bench.dead', ARRAY['dead'], NULL)" > /dev/null
		until_waiting -d own
		b="$b $(took sql -d own -c 'SET client_min_messages = warning; DROP EXTENSION cloudflux CASCADE')"
		sql -c 'DROP DATABASE own'
		c="$c $(took test/harness/cluster stop build/bench/tree build/bench/cluster fast)"
		test/harness/cluster start build/bench/tree build/bench/cluster "${bench_settings[@]}"
		until_waiting
	done
	# shellcheck disable=SC2086
	echo "a broker that $what: DROP DATABASE of another database $(median $a) ms, DROP EXTENSION $(median $b) ms, fast shutdown $(median $c) ms"
}
