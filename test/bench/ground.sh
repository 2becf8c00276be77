# Ground of the benchmarks; sourced. A throw-away cluster on the release build with the extension, timing of pairs, and a table.
#
#	bench_cluster [setting=value …]		starts it; psql talks to it; $CF_PLACES is a folder that the server may write
#	bench_settings				what it was started with, for starting it again
#	bench_pair NAME 'command A' 'command B'	runs A B A B … CF_RUNS times (5) after one warm-up, prints medians in ms and A/B
#	prepare_a, prepare_b			functions that run untimed before each run, when defined
#
# Peers are found in PATH or where test/harness/servers installs them; a missing one is told and skipped. Ratios hold when the machine's speed drifts;
# absolute times do not.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${CF_RUNS:=5}"
PG_CONFIG=$(test/harness/setup pg_config)
export PG_CONFIG
peers=$(dirname "$(test/harness/servers program rclone)"):$(dirname "$(test/harness/servers program s5cmd)")

bench_cluster()
{
	make -s all PG_CONFIG="$PG_CONFIG" > /dev/null
	test/harness/tree build/bench/tree release
	rm -rf build/bench/cluster
	bench_settings=(shared_preload_libraries=cloudflux max_wal_size=8GB checkpoint_timeout=30min shared_buffers=1GB "$@")
	test/harness/cluster start build/bench/tree build/bench/cluster "${bench_settings[@]}"
	trap 'test/harness/cluster stop build/bench/tree build/bench/cluster immediate; rm -rf build/bench/cluster' EXIT
	eval "$(test/harness/cluster env build/bench/tree build/bench/cluster)"
	PATH=$PATH:$peers
	sql -c 'CREATE EXTENSION cloudflux'
}

sql()
{
	psql -qXAt -v ON_ERROR_STOP=1 "$@"
}

# place NAME: an empty LOCAL place.
place()
{
	mkdir -p "$CF_PLACES/$1"
	[ "$(id -u)" != 0 ] || chown postgres "$CF_PLACES/$1"
	sql -c "SELECT cloudflux.add_storage('$1', 'LOCAL', '$CF_PLACES/$1')" > /dev/null
}

# own FOLDER: files written by root become the server's.
own()
{
	[ "$(id -u)" != 0 ] || chown -R postgres "$1"
}

once()
{
	local start end
	start=$(date +%s%N)
	eval "$1" > /dev/null
	end=$(date +%s%N)
	echo $(((end - start) / 1000))
}

prepare_a() { :; }
prepare_b() { :; }

bench_pair()
{
	local a b i as="" bs="" ratios=""
	for i in $(seq 0 "$CF_RUNS"); do
		prepare_a; a=$(once "$2")
		prepare_b; b=$(once "$3")
		[ "$i" = 0 ] && continue
		as="$as $a"; bs="$bs $b"
		ratios="$ratios $(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.3f", a / b }')"
	done
	printf '%-58s %10.1f ms %10.1f ms   ratio %s (%s runs, %s)\n' "$1" "$(median_ms $as)" "$(median_ms $bs)" \
		"$(median $ratios)" "$CF_RUNS" "$(spread $ratios)"
}

median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
median_ms() { median "$@" | awk '{ print $1 / 1000 }'; }
spread() { printf '%s\n' "$@" | sort -n | sed -n '1p;$p' | paste -sd- ; }
