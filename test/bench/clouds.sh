# Ground of bench_clouds; sourced after ground.sh: two S3 servers and an Azurite, fresh destinations for each run, three runners and
# the table of their times.
#
#	clouds_start			servers `one`, `two` (versitygw) and `blue` (Azurite), a cluster, rclone and s5cmd
#	remote_place PLACE SERVER PREFIX	a checked place on one of them
#	heading TITLE UNIT		begins a table
#	race TITLE FROM TO		moves all of place FROM to a fresh prefix on server TO (or `local`), $work objects of $size bytes
#	listing COUNT			the same for listings
#	memory				the most that a mover ever had
run=0
base=$PWD/build/bench/clouds

clouds_start()
{
	test/harness/setup clouds > /dev/null
	test/harness/servers install versitygw azurite rclone s5cmd
	rclone=$(test/harness/servers program rclone)
	s5cmd=$(test/harness/servers program s5cmd)
	rm -rf "$base"
	mkdir -p "$base"
	echo "bench $(test/harness/servers_api.py random 32 base64)" > "$base/key"
	chmod 600 "$base/key"
	own "$base/key"
	bench_cluster cloudflux.net_allow=127.0.0.0/8 cloudflux.key_file="$base/key" shared_buffers=128MB
	trap clouds_stop EXIT
	server one versitygw
	server two versitygw
	server blue azurite
	sql -c "ALTER SYSTEM SET cloudflux.storage_fsync = off" -c "SELECT pg_reload_conf()" > /dev/null
}

clouds_stop()
{
	test/harness/servers stop "$base"/{one,two,blue}
	test/harness/cluster stop build/bench/tree build/bench/cluster immediate
	rm -rf build/bench/cluster "$base"
}

# server NAME KIND: starts it, and tells rclone and s5cmd how to reach it.
server()
{
	test/harness/servers start "$2" "$base/$1"
	. "$base/$1/env"
	declare -g "url_$1=$CF_ENDPOINT" "provider_$1=$CF_PROVIDER" "options_$1=$CF_OPTIONS" "credentials_$1=$CF_CREDENTIALS"
	local prefix=RCLONE_CONFIG_${1^^}_
	export RCLONE_CONFIG=/dev/null "${prefix}ENDPOINT=$CF_ENDPOINT"
	if [ "$2" = azurite ]; then
		export "${prefix}TYPE=azureblob" "${prefix}ACCOUNT=$CF_ACCOUNT" "${prefix}KEY=$CF_ACCOUNT_KEY"
	else
		export "${prefix}TYPE=s3" "${prefix}PROVIDER=Other" "${prefix}REGION=$CF_REGION" \
			"${prefix}ACCESS_KEY_ID=$CF_ACCESS_KEY" "${prefix}SECRET_ACCESS_KEY=$CF_SECRET_KEY"
	fi
	declare -g "secrets_$1=${CF_ACCESS_KEY:-} ${CF_SECRET_KEY:-}"
}

# s5 SERVER ARGUMENT …: s5cmd with the secrets of that server.
s5()
{
	local secrets=secrets_$1 url=url_$1
	shift
	AWS_ACCESS_KEY_ID=${!secrets% *} AWS_SECRET_ACCESS_KEY=${!secrets#* } AWS_REGION=us-east-1 "$s5cmd" --log error --endpoint-url "${!url}" "$@"
}

remote_place()
{
	local provider=provider_$2 options=options_$2 credentials=credentials_$2
	sql -v options="${!options%\}}, \"prefix\": \"$3\"}" -v credentials="${!credentials}" > /dev/null <<-SQL
		SELECT cloudflux.add_storage('$1', '${!provider}', 'objects', :'options');
		SELECT cloudflux.set_credentials('$1', :'credentials');
		SELECT count(*) FROM cloudflux.check_storage('$1');
	SQL
	declare -g "where_$1=$2:objects/$3"
}

# fresh SERVER: a destination that nobody has used: $place of ours, and $target for the others.
fresh()
{
	run=$((run + 1))
	place=run_$run
	if [ "$1" = local ]; then
		mkdir -p "$CF_PLACES/$place" "$CF_PLACES/their_$run"
		own "$CF_PLACES/$place"
		sql -c "SELECT cloudflux.add_storage('$place', 'LOCAL', '$CF_PLACES/$place')" -c "SELECT count(*) FROM cloudflux.check_storage('$place')" > /dev/null
		target=$CF_PLACES/their_$run
	else
		remote_place "$place" "$1" "run$run/"
		target=$1:objects/their$run/
	fi
}

# used SERVER: what a run has left there is removed behind the server's back, so that disks do not fill.
used()
{
	case $1 in
	local) rm -rf "$CF_PLACES"/{their_$run,"$place"/*} ;;
	blue) "$rclone" purge -q "blue:objects/run$run" 2> /dev/null || "$rclone" purge -q "blue:objects/their$run" ;;
	*) rm -rf "$base/$1/data/objects"/{run$run,their$run} ;;
	esac
}

# ours FROM: all objects of the catalog go to $place.
ours()
{
	sql -c "SELECT count(*) FROM cloudflux.migrate_bulk(ARRAY(SELECT file_id FROM cloudflux.data_objects), '$place')" \
		-c "DO \$\$ BEGIN WHILE EXISTS (SELECT FROM cloudflux.job_queue) LOOP COMMIT; PERFORM pg_sleep(0.02); END LOOP; END \$\$" > /dev/null
}

# cpu PID …: milliseconds of CPU of these and of all their children that live or were waited for.
cpu()
{
	local all=$*
	while [ $# -gt 0 ]; do
		local children
		children=$(cat /proc/"$1"/task/*/children 2> /dev/null || true)
		all="$all $children"
		shift
		set -- "$@" $children
	done
	for pid in $all; do sed -E 's/^.*\) //' "/proc/$pid/stat" 2> /dev/null || true; done |
		awk -v hz="$(getconf CLK_TCK)" '{ sum += $12 + $13 + $14 + $15 } END { printf "%d", sum * 1000 / hz }'
}

servers_cpu() { cpu $(cut -d' ' -f1 "$base"/{one,two,blue}/pid); }
cluster_cpu() { cpu "$(head -n 1 "$(sql -c 'SHOW data_directory')/postmaster.pid")"; }

# timed COMMAND …: sets ms, client (CPU of the command, plus that of the cluster) and server.
timed()
{
	local before=$(cluster_cpu) served=$(servers_cpu) begun took
	begun=$(date +%s%N)
	TIMEFORMAT='%U %S'
	took=$({ time "$@" > /dev/null 2> "$base/stderr"; } 2>&1) || { cat "$base/stderr" >&2; return 1; }
	ms=$((($(date +%s%N) - begun) / 1000000))
	client=$(awk -v more=$(($(cluster_cpu) - before)) '{ printf "%d", ($1 + $2) * 1000 + more }' <<< "$took")
	server=$(($(servers_cpu) - served))
}

heading()
{
	unit=$2
	printf '\n%s\n%-20s %-7s %9s %12s %18s %18s\n' "$1" "" "" seconds "$2/s" "client CPU ms/obj" "server CPU ms/obj"
}

# row WHO MS CLIENT SERVER: one line of the table, of medians.
row()
{
	awk -v who="$1" -v ms="$2" -v client="$3" -v server="$4" -v n="$work" -v mib="$(((work * size) >> 20))" -v unit="$unit" 'BEGIN {
		printf "%-20s %-7s %9.2f %12.0f %18.3f %18.3f\n", "", who, ms / 1000, (unit == "MiB" ? mib : n) * 1000 / ms, client / n, server / n }'
}

# table TITLE WHO …: medians of the lines "WHO MS CLIENT SERVER" of $base/times, and our ratios to the others.
table()
{
	local who med ours_ms= ours_cpu=
	printf '%s\n' "$1"
	shift
	for who; do
		med=$(for c in 2 3 4; do median $(awk -v w="$who" -v c=$c '$1 == w { print $c }' "$base/times"); done | paste -sd' ')
		row "$who" $med
		if [ "$who" = ours ]; then read -r ours_ms ours_cpu _ <<< "$med"
		else awk -v who="$who" -v a="$ours_ms" -v ac="$ours_cpu" '{ printf "%-20s our rate / its %.2f, our CPU / its %.2f\n", "", $1 / a, ac / ($2 ? $2 : 1) }' <<< "$med"
		fi
	done
}

race()
{
	local from=where_$2 i who runners="ours rclone"
	from=${!from:-$CF_PLACES/$2}
	# s5cmd knows one store at a time, and only S3.
	case "$2 $3" in
	stored_*\ two | *\ blue) ;;
	*) runners="$runners s5cmd" ;;
	esac
	: > "$base/times"
	for i in $(seq 0 "$CF_RUNS"); do
		for who in $runners; do
			fresh "$3"
			case $who in
			ours)
				sql -c "DELETE FROM cloudflux.data_objects" -c "CALL cloudflux.import_inventory('$2')" 2> /dev/null
				timed ours
				sql -c "DO \$\$ BEGIN IF (SELECT count(*) FROM cloudflux.data_objects WHERE place = '$place') <> $work THEN RAISE 'not all have arrived'; END IF; END \$\$"
				;;
			rclone) timed "$rclone" copy -q --transfers 16 --checkers 16 --exclude '.cloudflux/**' --s3-no-check-bucket "$from" "$target" ;;
			s5cmd)
				if [ "$3" = local ]; then timed s5 one cp "s3://${from#*:}*" "$target/"; else timed s5 "$3" cp "$from/*" "s3://${target#*:}"; fi
				;;
			esac
			[ "$i" = 0 ] || echo "$who $ms $client $server" >> "$base/times"
			used "$3"
		done
	done
	table "$1" $runners
}

# listing COUNT: an inventory into an empty catalog, against listings that are printed to nowhere.
listing()
{
	local i n
	work=$1 size=1
	mkdir -p "$base/list/objects/deep"
	(cd "$base/list/objects/deep" && seq -f 'object %07g of the listing' "$1" | xargs -d '\n' touch)
	s5 one cp "$base/list/objects/deep/*" s3://objects/list/ > /dev/null
	rm -rf "$base/list"
	remote_place listed one list/
	: > "$base/times"
	for i in $(seq 0 "$CF_RUNS"); do
		sql -c "DELETE FROM cloudflux.data_objects"
		timed sql -c "CALL cloudflux.import_inventory('listed')"
		n="$ms $client $server"
		[ "$(sql -c "SELECT count(*) FROM cloudflux.data_objects WHERE place = 'listed'")" = "$1" ] || { echo "not all are listed" >&2; exit 1; }
		[ "$i" = 0 ] || echo "ours $n" >> "$base/times"
		timed "$rclone" lsf -R --format pst one:objects/list/
		[ "$i" = 0 ] || echo "rclone $ms $client $server" >> "$base/times"
		timed s5 one ls 's3://objects/list/*'
		[ "$i" = 0 ] || echo "s5cmd $ms $client $server" >> "$base/times"
	done
	table "inventory into the catalog : listing" ours rclone s5cmd
}

memory()
{
	local pid
	echo
	for pid in $(sql -c "SELECT pid FROM cloudflux.workers WHERE worker = 'mover' AND pid IS NOT NULL"); do
		awk -v pid="$pid" '/^(VmHWM|RssAnon|RssFile|RssShmem)/ { printf "%s %.1f MiB  ", $1, $2 / 1024 } END { print "(a mover at the end)" }' "/proc/$pid/status"
	done
}
