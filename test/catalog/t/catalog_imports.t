# Imports beside each other, cut off, and large: nothing twice, nothing lost, bounded memory.
use strict;
use warnings;
use CloudFlux::Test;

my $c = cluster('imports', 'cloudflux.migration_workers' => 0);
my $root = $c->place('big');
my $entries = $ENV{CF_LONG} ? 200_000 : 50_000;

# A tree of $entries files; the server's own shell makes it, so that the server owns it.
$c->sql(qq{CREATE TABLE nothing (line text)});
my $folders = $entries / 1000;
$c->sql(qq{COPY nothing FROM PROGRAM 'cd $root && for d in \$(seq 1 $folders); do mkdir d\$d && (cd d\$d && seq -f f%g 1 1000 | xargs touch); done'});
$c->sql(qq{SELECT cloudflux.add_storage('big', 'LOCAL', '$root')});

# Memory of the session that imports, without what it maps of shared buffers.
sub kilobytes
{
	my ($pid) = @_;
	open my $in, '<', "/proc/$pid/status" or return 0;
	my ($anonymous) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$in>;
	return $anonymous // 0;
}

{
	my $s = $c->session;
	my $pid = $s->pid;
	# Warm: plans, caches, the first pages of shared buffers.
	$c->place('small');
	$c->write("small/f$_", 'x') foreach 1 .. 10;
	$s->query(qq{SELECT cloudflux.add_storage('small', 'LOCAL', '} . ($root =~ s/big$/small/r) . q{')});
	$s->query(q{CALL cloudflux.import_inventory('small')});
	my $before = kilobytes($pid);
	my $peak = $before;
	$s->send(q{CALL cloudflux.import_inventory('big')});
	my ($middle, $listed) = (0, 0);
	my $deadline = time + 300;
	while (time < $deadline)
	{
		my ($status, $n) = split /\|/, $c->value(q{SELECT status, listed FROM cloudflux.inventories WHERE place = 'big' ORDER BY id DESC LIMIT 1}) // '';
		my $now = kilobytes($pid);
		$middle = $now if !$middle && ($n // 0) >= 10_000;
		$peak = $now if $now > $peak;
		$listed = $n // 0;
		last if ($status // '') eq 'completed';
	}
	$s->finish;
	is($listed, $entries, "$entries entries are listed");
	note "anonymous memory in kB: before $before, at 10,000 entries $middle, peak $peak";
	# A page of 5,000 entries takes some MB for a moment; more pages take no more.
	cmp_ok($peak - $before, '<', 32 * 1024, 'the process does not grow with the number of entries');
	# What a session learns of its places stays with it.
	is($s->query(q{SELECT COALESCE(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name LIKE 'cloudflux%' AND name <> 'cloudflux places'}), 0,
		'nothing is kept after the call');
	$s->quit;
}
is($c->value(q{SELECT count(*) FROM cloudflux.data_objects WHERE place = 'big'}), $entries, 'each is an object');
is($c->value(q{SELECT count(*) FROM cloudflux.addresses a JOIN cloudflux.data_objects o USING (file_id, place, object_key) WHERE state = 'primary' AND place = 'big'}),
	$entries, 'each has its address');
is($c->value(q{SELECT count(*) FROM cloudflux.object_versions v JOIN cloudflux.data_objects o USING (file_id, place, object_key, version) WHERE v.place = 'big' AND version_no = 1}),
	$entries, 'each has its first version');
is($c->value(q{SELECT sum((data ->> 'objects')::int) FROM cloudflux.events WHERE event_type = 'object.created' AND subject = 'big'}), $entries, 'batch events count them all');
cmp_ok($c->value(q{SELECT count(*) FROM cloudflux.events WHERE event_type = 'object.created' AND subject = 'big'}), '<=', $entries / 1000, 'one event per batch');

# Two at once, and a third that writes the same keys by hand.
{
	my $there = $c->place('twice');
	$c->sql(qq{COPY nothing FROM PROGRAM 'cd $there && seq -f f%g 1 12000 | xargs touch'});
	$c->sql(qq{SELECT cloudflux.add_storage('twice', 'LOCAL', '$there')});
	my @s = map { $c->session } 1 .. 3;
	$_->send(q{CALL cloudflux.import_inventory('twice')}) foreach @s[0, 1];
	$s[2]->send(q{DO $$ BEGIN FOR i IN 1 .. 2000 LOOP
		BEGIN INSERT INTO cloudflux.data_objects (place, object_key) VALUES ('twice', 'f' || i * 6); EXCEPTION WHEN duplicate_object THEN NULL; END;
		COMMIT; END LOOP; END $$});
	$_->finish foreach @s;
	is($c->value(q{SELECT count(*), count(DISTINCT object_key) FROM cloudflux.data_objects WHERE place = 'twice'}), '12000|12000', 'two imports and a writer catalogue each object once');
	is($c->value(q{SELECT count(*) FROM cloudflux.addresses WHERE place = 'twice'}), 12000, 'and each address once');
	is($c->value(q{SELECT string_agg(status, ',') FROM cloudflux.inventories WHERE place = 'twice'}), 'completed,completed', 'both imports complete');
	$c->sql(q{CALL cloudflux.import_inventory('twice')});
	is($c->value(q{SELECT count(*) FROM cloudflux.data_objects WHERE place = 'twice' AND (version IS NULL OR vanished_at IS NOT NULL)}), 0, 'the next run knows the bytes of all');
	$_->quit foreach @s;
}

# Cut off in the middle, by a termination and by a crash; the next call goes on.
{
	my $s = $c->session;
	my $pid = $s->pid;
	my ($first) = $c->value(q{SELECT max(id) FROM cloudflux.inventories});
	$s->send(q{CALL cloudflux.import_inventory('big')});
	ok($c->poll(qq{SELECT listed > 0 AND status = 'running' FROM cloudflux.inventories WHERE id > $first AND place = 'big'}, 60), 'an import is under way');
	$c->sql("SELECT pg_terminate_backend($pid)");
	ok($c->poll("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)", 30), 'its session is terminated');
	is($c->value(qq{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $pid}), 0, 'its lock is gone');
	my $cut = $c->value(qq{SELECT listed FROM cloudflux.inventories WHERE id > $first AND place = 'big'});
	$c->sql(q{CALL cloudflux.import_inventory('big')});
	is($c->value(qq{SELECT count(*), min(status) FROM cloudflux.inventories WHERE id > $first AND place = 'big'}), '1|completed', 'the next call resumes that run') or note "cut off at $cut";
	is($c->value(q{SELECT count(*) FILTER (WHERE vanished_at IS NOT NULL), count(*) FROM cloudflux.data_objects WHERE place = 'big'}), "0|$entries", 'and nothing has vanished');

	$s = $c->session;
	($first) = $c->value(q{SELECT max(id) FROM cloudflux.inventories});
	$s->send(q{CALL cloudflux.import_inventory('big')});
	$c->poll(qq{SELECT listed > 0 AND status = 'running' FROM cloudflux.inventories WHERE id > $first AND place = 'big'}, 60);
	$c->kill9;
	$c->start;
	$c->sql(q{CALL cloudflux.import_inventory('big')});
	is($c->value(q{SELECT count(*) FILTER (WHERE vanished_at IS NOT NULL), count(*) FROM cloudflux.data_objects WHERE place = 'big'}), "0|$entries", 'after a crash the notes of what was seen are lost, and nothing has vanished');
	is($c->value(q{SELECT count(*) FROM cloudflux.inventories WHERE place = 'big' AND status = 'running'}), 0, 'no run is left running');
	is($c->value(q{SELECT count(*) FROM cloudflux.inventory_seen}), 0, 'no notes are left');
}

# A cancel comes through, and releases the lock.
{
	my $s = $c->session;
	my $pid = $s->pid;
	my ($first) = $c->value(q{SELECT max(id) FROM cloudflux.inventories});
	$s->send(q{CALL cloudflux.import_inventory('big')});
	$c->poll(qq{SELECT count(*) = 1 FROM cloudflux.inventories WHERE id > $first}, 60);
	$c->sql("SELECT pg_cancel_backend($pid)");
	eval { $s->finish };
	is($c->value(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'a cancelled import leaves no lock');
	$c->sql(q{CALL cloudflux.import_inventory('big')});
	is($c->value(q{SELECT status FROM cloudflux.inventories WHERE place = 'big' ORDER BY id DESC LIMIT 1}), 'completed', 'and the next one completes');
}

# A folder that cannot be read is no proof that its objects are gone.
SKIP:
{
	$c->sql(qq{COPY nothing FROM PROGRAM 'chmod 0 $root/d1 && rm -r $root/d2'});
	skip 'the server may read everything', 1 if $> != 0 && !$c->value(q{SELECT true});
	$c->sql(q{CALL cloudflux.import_inventory('big')});
	is($c->value(q{SELECT string_agg(DISTINCT split_part(object_key, '/', 1), ',') FROM cloudflux.data_objects WHERE place = 'big' AND vanished_at IS NOT NULL}), 'd2', 'what is unreadable has not vanished, what is gone has');
	cmp_ok($c->value(q{SELECT count(*) FROM cloudflux.import_errors WHERE place = 'big'}), '>', 0, 'and is reported');
	$c->sql(qq{COPY nothing FROM PROGRAM 'chmod 700 $root/d1'});
}

# What movers take away or bring while a page is listed is neither new nor changed.
{
	my ($from, $to) = map { $c->place($_) } qw(from to);
	$c->sql(qq{SELECT cloudflux.add_storage('from', 'LOCAL', '$from'), cloudflux.add_storage('to', 'LOCAL', '$to')});
	my ($moved) = $c->value(q{SELECT cloudflux.put_object('from', 'moved', 'bytes')});
	my ($stays) = $c->value(q{SELECT cloudflux.put_object('from', 'stays', 'bytes')});
	$c->sql(qq{COPY (SELECT 'found') TO '$from/found'});
	my $s = $c->session;
	my $pid = $s->pid;
	$s->query(q{SET cloudflux.fault = 'catalog_page_listed:1:stop'});
	$s->send(q{CALL cloudflux.import_inventory('from')});
	await { $c->_slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) T/ } 60, 'an import has listed a page';
	my ($job) = $c->value(qq{SELECT cloudflux.migrate('$moved', 'to', delete_source => true)});
	$c->sql('CALL cloudflux.run_migrations()');
	is($c->value("SELECT phase FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'done', 'an object moves away');
	kill 'CONT', $pid;
	$s->finish;
	is($c->value(q{SELECT string_agg(place || ' ' || object_key, ', ' ORDER BY object_key) FROM cloudflux.data_objects WHERE place IN ('from', 'to')}),
		'from found, to moved, from stays', 'it is not found anew where it was');
	is($c->value(q{SELECT string_agg(object_key, ', ' ORDER BY object_key) FROM cloudflux.addresses WHERE place = 'from'}), 'found, stays', 'and holds no address there');
	$s->quit;
}

# A log, imported by two at once and cut off: every line counts once.
{
	my $log = "$root/../big.log";
	my $lines = 60_000;
	$c->sql(qq{COPY (SELECT format('192.0.2.1 - - [17/May/2015:10:%s:03 +0000] "GET /d3/f%s HTTP/1.1" 200 %s "-" "-"', lpad((i % 60)::text, 2, '0'), 1 + i % 1000, i) FROM generate_series(1, $lines) i) TO '$log'});
	my @s = map { $c->session } 1 .. 2;
	my $pid = $s[0]->pid;
	$s[0]->send(qq{CALL cloudflux.import_access_log('big', 'apache', '$log')});
	$c->poll(q{SELECT count(*) = 1 FROM cloudflux.access_log_files}, 60);
	$c->sql("SELECT pg_terminate_backend($pid)");
	$s[1]->send(qq{CALL cloudflux.import_access_log('big', 'apache', '$log')});
	$c->sql(qq{CALL cloudflux.import_access_log('big', 'apache', '$log')});
	$s[1]->finish;
	is($c->value(q{SELECT count(*), sum(bytes) FROM cloudflux.access_logs}), "$lines|" . $lines * ($lines + 1) / 2, 'every line counts once');
	is($c->value(q{SELECT lines, accepted, byte_offset = size_bytes FROM cloudflux.access_log_files}), "$lines|$lines|t", 'the ledger agrees');
	is($c->value(q{SELECT lines FROM cloudflux.access_coverage}), $lines, 'and so does the coverage');
	is($c->value(q{SELECT sum(reads_total) FROM cloudflux.access_counts}), $lines, 'and the counts');
}
done_testing;
