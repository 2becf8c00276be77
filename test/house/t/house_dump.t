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
	$digest{'roles and rights'} = $c->value(q{SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (
		SELECT p.oid::regprocedure::text || COALESCE(p.proacl::text, '') FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'cloudflux'::regnamespace) t(x)});
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

sub fill
{
	my ($c) = @_;
	$c->sql(<<'SQL');
		INSERT INTO cloudflux.chore_settings (chore_name, enabled) VALUES ('ensure_partitions', true);
SQL
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
$target->restart(shared_preload_libraries => 'cloudflux');
ok($target->poll("SELECT count(*) >= 1 FROM pg_catalog.pg_stat_activity WHERE backend_type LIKE 'cloudflux%'", 60), 'restored: workers start')
  or diag($target->log_tail);

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
