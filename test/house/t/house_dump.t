# Dump and restore: every row of every table arrives once, ids go on where they were, and work goes on.
#
# With CF_DUMP_OUT the dump stays there for others; with CF_DUMP_IN one of an older server (test/harness/versions) is
# restored as well. The target does not preload cloudflux while it is restored and compared, so that no worker changes
# what is being compared; afterwards it does, and has to finish the jobs that were in flight.
use CloudFlux::Test;
use File::Basename;
use File::Path qw(make_path);

# Members of the extension that carry users' rows, with the filter of their dump; leaves of partitioned tables included.
my $members = q{
	SELECT c.oid::pg_catalog.regclass::text || E'\x1f' || COALESCE(x.condition, '')
	  FROM pg_catalog.pg_extension e, LATERAL unnest(e.extconfig, e.extcondition) x(oid, condition)
	  JOIN pg_catalog.pg_class c ON c.oid = x.oid
	 WHERE e.extname = 'cloudflux' AND c.relkind = 'r'
	UNION
	SELECT i.inhrelid::pg_catalog.regclass::text || E'\x1f'
	  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
	 WHERE p.relnamespace = 'cloudflux'::pg_catalog.regnamespace AND p.relkind = 'p' ORDER BY 1};

# digest tells for each table how many rows it has and what they add up to.
sub digest
{
	my ($c) = @_;
	my %digest;
	foreach my $line (split /\n/, $c->sql($members))
	{
		my ($table, $filter) = split /\x1f/, $line, -1;
		$digest{$table} = $c->value("SET timezone = 'UTC'; SET extra_float_digits = 1;
			SELECT count(*) || ' rows ' || COALESCE(md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")), '-') FROM (SELECT * FROM $table $filter) t");
	}
	$digest{$_->[0]} = "next id after $_->[1]" foreach map { [ split /\|/ ] } split /\n/,
	  $c->sql(q{SELECT 'sequence ' || c.oid::regclass, COALESCE(pg_catalog.pg_sequence_last_value(c.oid), 0)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_extension e ON c.oid = ANY (e.extconfig) WHERE e.extname = 'cloudflux' AND c.relkind = 'S'});
	$digest{'access_counts'} = $c->value("SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM cloudflux.access_counts t");
	$digest{'roles and rights'} = $c->value(q{SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (
		SELECT p.oid::regprocedure::text || COALESCE(p.proacl::text, '') FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'cloudflux'::regnamespace) t(x)});
	$digest{places} = $c->value(q{SELECT string_agg(s.srvname || (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(s.srvoptions) o) || s.srvacl::text, '; ' ORDER BY s.srvname)
		FROM pg_catalog.pg_foreign_server s});
	return \%digest;
}

sub run
{
	my ($title, @command) = @_;
	my $out = '';
	my $good = IPC::Run::run(\@command, '<', \undef, '>&', \$out);
	ok($good, $title) or diag($out);
	return $good;
}

# restore puts a dump into a new cluster and compares.
sub restore
{
	my ($name, $folder, $want) = @_;
	my $c = cluster($name, { preload => 0, extension => 0 });
	my @to = ('-h', $c->socket, '-U', 'postgres', '-d', 'postgres');
	# Roles belong to the cluster, not to the database.
	IPC::Run::run([ $c->bin . '/psql', '-Xq', @to, '-f', "$folder/roles.sql" ], '<', \undef, '>', \my $out, '2>', \my $err);
	run("$name: pg_restore --exit-on-error", $c->bin . '/pg_restore', '--exit-on-error', @to, "$folder/database.dump") or return $c;
	my $got = digest($c);
	delete $_->{'roles and rights'} foreach $name =~ /older/ ? ($got, $want) : ();
	is_deeply($got, $want, "$name: rows, counts, events and sequences are those of the source")
	  or diag(join "\n", map { "$_: got " . ($got->{$_} // 'nothing') . ', want ' . ($want->{$_} // 'nothing') }
		grep { ($got->{$_} // '') ne ($want->{$_} // '') } sort keys %{ { %$got, %$want } });
	return $c;
}

# fill puts something into every table that users fill, through what users call.
my $users_job;
sub fill
{
	my ($c) = @_;
	$c->place($_) foreach qw(fast slow);
	my $root = dirname($c->place('fast'));
	$c->write("fast/a/$_.txt", "object $_\n" x ($_ * 100)) foreach 1 .. 12;
	$c->sql(<<"SQL");
		CREATE ROLE regress_alice LOGIN IN ROLE cloudflux_user;
		SELECT cloudflux.add_storage('fast', 'LOCAL', '$root/fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
		SELECT cloudflux.add_storage('slow', 'LOCAL', '$root/slow');
		GRANT USAGE ON FOREIGN SERVER fast, slow TO regress_alice;
		INSERT INTO cloudflux.storage_tiers (cloud, place, tier, storage_class) SELECT 'LOCAL', 'slow', 'COLD', storage_class
			FROM cloudflux.storage_tiers WHERE cloud = 'LOCAL' LIMIT 1;
		INSERT INTO cloudflux.data_objects (place, object_key, size_bytes, content_type, metadata)
			SELECT 'fast', 'a/' || n || '.txt', n * 100 * length('object ' || n || E'\\n'), 'text/plain', jsonb_build_object('n', n) FROM generate_series(1, 12) n;
		INSERT INTO cloudflux.data_objects (file_name, size_gb, storage_location) VALUES ('catalogued only', 1.5, 's3://elsewhere/x');
		SELECT cloudflux.ensure_partitions();
SQL
	# Accesses: some folded, some not yet, some of a month that has no partition.
	my $accesses = q{INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type, latency_ms, bytes, user_id)
		SELECT o.file_id, now() - make_interval(days => d), 'read', 10 + d, CASE WHEN d %% 2 = 0 THEN 100 END, 'somebody'
		FROM cloudflux.data_objects o, generate_series(%s) d WHERE o.place = 'fast'};
	$c->sql(sprintf $accesses, '0, 40, 4');
	$c->sql('SELECT cloudflux.fold_accesses()');
	$c->sql(sprintf $accesses, '1, 10, 3');
	$c->sql(sprintf $accesses, '900, 901');
	$c->sql(<<'SQL');
		SELECT cloudflux.record_access(file_id, 'write', 3.5, 'regress_alice') FROM cloudflux.data_objects WHERE object_key = 'a/1.txt';
		SELECT cloudflux.classify_objects();
		SELECT cloudflux.roll_up_costs();
		INSERT INTO cloudflux.ml_predictions (file_id, prediction_date, predicted_accesses, recommended_tier, confidence_score)
			SELECT file_id, current_date + 7, 3, 'WARM', 0.5 FROM cloudflux.data_objects WHERE object_key = 'a/2.txt';
		INSERT INTO cloudflux.user_policies (policy_name, policy_type, conditions, actions) VALUES ('cold after 90 days', 'auto_tier', '{}', '{"dest_tier": "COLD"}');
		INSERT INTO cloudflux.chore_settings (chore_name, enabled) VALUES ('roll_up_costs', false);
		INSERT INTO cloudflux.partition_settings (table_name, retention) VALUES ('access_logs', '5 years');
SQL
	# Jobs: one done, one rolled back, one in its grace period, one paused, one of a user, one planned, one waiting.
	my $migrate = sub {
		my ($n, $more, %how) = @_;
		return $c->value("SELECT cloudflux.migrate((SELECT file_id FROM cloudflux.data_objects WHERE object_key = 'a/$n.txt'), 'slow'$more)", %how);
	};
	my $done = $migrate->(1, ', delete_source => true');
	my $graced = $migrate->(2, ", delete_source => true, grace => '7 days'");
	my $back = $migrate->(3, ", delete_source => true, grace => '7 days'");
	$c->sql('CALL cloudflux.run_migrations()');
	is($c->value("SELECT string_agg(status || ' ' || phase, ', ' ORDER BY id) FROM cloudflux.migration_jobs"),
		'completed done, completed grace, completed grace', 'jobs are done and in grace');
	$c->sql("SELECT cloudflux.rollback_migration('$back')");
	$c->sql('CALL cloudflux.run_migrations()');
	$c->sql("SELECT cloudflux.pause_migration('" . $migrate->(4, '') . "')");
	$users_job = $migrate->(5, ', delete_source => true', user => 'regress_alice');
	$migrate->(6, ", not_before => now() + interval '1 day'");
	$c->sql("SELECT cloudflux.plan_migration(dest_place => 'slow')");
}

my $source = cluster('source', 'cloudflux.migration_workers' => 0);
fill($source);
# The keeper must not change rows between the dump and the digest.
$source->restart(shared_preload_libraries => '');
my $want = digest($source);
my $folder = $ENV{CF_DUMP_OUT} // dirname(dirname($source->data)) . '/dump';
make_path($folder);
my @from = ('-h', $source->socket, '-U', 'postgres');
run('pg_dump', $source->bin . '/pg_dump', @from, '-Fc', '-f', "$folder/database.dump", 'postgres');
run('pg_dumpall --roles-only', $source->bin . '/pg_dumpall', @from, '--roles-only', '-f', "$folder/roles.sql");
open my $to, '>', "$folder/digest" or die $!;
print $to map { "$_\x1f$want->{$_}\n" } sort keys %$want;
close $to;
is_deeply(digest($source), $want, 'dumping changes nothing');

my $target = restore('restored', $folder, $want);
$source->stop;
my %last = map { split /\|/ } split /\n/, $target->sql("SELECT 'objects', max(id) FROM cloudflux.data_objects UNION ALL SELECT 'events', max(id) FROM cloudflux.events");
$target->restart(shared_preload_libraries => 'cloudflux', 'cloudflux.migration_workers' => 1);
ok($target->poll("SELECT status = 'completed' AND phase = 'done' FROM cloudflux.migration_jobs WHERE job_id = '$users_job'", 60),
	'restored: the job that waited is done by the workers of the new server')
  or diag($target->value("SELECT status, phase, error_message, error_detail FROM cloudflux.migration_jobs WHERE job_id = '$users_job'") . $target->log_tail);
is($target->value("SELECT string_agg(phase || CASE WHEN paused THEN ' paused' ELSE '' END, ', ' ORDER BY seq) FROM cloudflux.job_queue"), 'grace, pending paused, pending',
	'restored: jobs in grace, paused and of tomorrow stay what they are');
ok($target->value("INSERT INTO cloudflux.data_objects (file_name) VALUES ('new') RETURNING id > $last{objects}") eq 't', 'restored: ids of objects go on');
is($target->value('SELECT count(*) - count(DISTINCT id) FROM cloudflux.events'), 0, 'restored: ids of events go on: none has the id of another');

if (my $older = $ENV{CF_DUMP_IN})
{
	SKIP:
	{
		skip 'no dump of an older server', 1 unless -f "$older/digest";
		open my $in, '<', "$older/digest" or die $!;
		my %old = map { chomp; split /\x1f/, $_, 2 } <$in>;
		restore('older', $older, \%old);
	}
}
done_testing;
