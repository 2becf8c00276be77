# A primary dies while its mover has copied 60 % of an object, and its standby is promoted: the new primary goes on with the
# checkpoints that it has. Then the harder ways: a standby that had lost its primary before the end, and a primary that
# goes on although its standby was promoted. No object is lost, doubled or damaged in any of them.
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::SHA qw(sha256_hex);

my $MiB = 1024 * 1024;
my $size = ($ENV{CF_LONG} ? 1024 : 192) * $MiB;
my $part = 8 * $MiB;
my $at = int(0.6 * $size / $part);
my $proxy = server('toxiproxy');
my %server = map { $_->[0] => server($_->[1])->through($proxy, $_->[0]) } [ s3 => 'versitygw' ], [ azure => 'azurite' ];
my $block = join '', map { chr(33 + int rand 90) } 1 .. 65536;

sub bytes
{
	my ($bytes) = @_;
	my $salt = int rand 1e9;
	return substr join('', map { sprintf('%010d.%09d/', $_, $salt) . substr $block, 21 } 0 .. $bytes / 65536), 0, $bytes;
}

# pair makes a primary that has an object in S3, and a standby that follows it.
my $pairs = 0;
sub pair
{
	my ($key, $bytes, %setting) = @_;
	$pairs++;
	my $c = cluster("primary_$pairs", fsync => 'off', restart_after_crash => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 5,
		'cloudflux.migration_part_size' => '8MB', 'cloudflux.migration_retry_delay' => '100ms', max_wal_size => '1GB', %setting);
	open_clouds($c);
	foreach my $kind (sort keys %server)
	{
		$server{$kind}->place($c, $kind);
		$c->sql("SELECT count(*) FROM cloudflux.check_storage('$kind')");
	}
	$server{s3}->write($key, $bytes);
	$c->sql("CALL cloudflux.import_inventory('s3', '$key')");
	my $s = $c->standby("standby_$pairs");
	ok($s->poll("SELECT pg_is_in_recovery() AND count(*) = 1 FROM cloudflux.data_objects WHERE object_key = '$key'", 30), "$key: a standby follows");
	return ($c, $s);
}

sub promote
{
	my ($s, $key) = @_;
	$s->sql('SELECT pg_promote()');
	ok($s->poll("SELECT count(*) > 0 FROM cloudflux.workers WHERE worker = 'mover' AND pid IS NOT NULL", 60), "$key: the standby is promoted, and movers start") or diag($s->log_tail);
}

sub submit
{
	my ($c, $key) = @_;
	return $c->value("SELECT cloudflux.migrate(file_id, 'azure', delete_source => true) FROM cloudflux.data_objects WHERE object_key = '$key'");
}

# cut makes a standby deaf: it will know nothing of what comes next.
sub cut
{
	my ($s) = @_;
	$s->set('primary_conninfo' => '');
	$s->poll('SELECT count(*) = 0 FROM pg_stat_wal_receiver') or die 'the standby goes on listening';
}

# judge holds what there is against what must be: the object once, whole, where the catalog of the new primary says.
sub judge
{
	my ($s, $key, $bytes) = @_;
	ok($s->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 120), "$key: no job is stranded") or diag($s->sql('SELECT * FROM cloudflux.migration_progress'), $s->log_tail);
	my ($place, $status) = split /\|/, $s->sql("SELECT o.place, j.status, j.error_message FROM cloudflux.data_objects o LEFT JOIN cloudflux.migration_jobs j USING (file_id) WHERE o.object_key = '$key'");
	diag("$key: the new primary says: $status, at $place");
	my @at = grep { defined $server{$_}->digest($key) } sort keys %server;
	is("@at", $place, "$key: the object is where the catalog says, and nowhere else");
	is($server{$place}->digest($key), sha256_hex($bytes), "$key: it has its bytes");
	return $status;
}

# 1. The primary dies at 60 %.
{
	my ($key, $bytes) = ('sixty', bytes($size));
	my ($c, $s) = pair($key, $bytes);
	my $sent = $server{azure}->crossed('upstream');
	$c->set('cloudflux.fault' => "migration_part_recorded:$at:kill");
	$c->poll("SELECT current_setting('cloudflux.fault') <> ''");
	my $pid = $c->postmaster_pid;
	my $job = submit($c, $key);
	await { !-d "/proc/$pid" || $c->_slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) Z/ } 120, "$key: the primary dies" or diag($c->log_tail);
	my $known = $s->value("SELECT COALESCE(max(byte_offset + length), 0) FROM cloudflux.job_parts WHERE job_id = '$job'");
	diag(sprintf '%s: %d of %d checkpoints reached the standby', $key, $known / $part, $at);
	$s->sql("ALTER SYSTEM SET cloudflux.fault = ''");
	$s->sql('SELECT pg_reload_conf()');
	promote($s, $key);
	is(judge($s, $key, $bytes), 'completed', "$key: the new primary has completed the job");
	cmp_ok($s->value("SELECT bytes_copied FROM cloudflux.migration_jobs WHERE job_id = '$job'"), '<=', $size - $known, "$key: what had a checkpoint was not copied again");
	# A proxy counts when a connection ends, and movers keep theirs.
	$s->stop;
	my $again = $server{azure}->crossed('upstream') - $sent - $size;
	diag(sprintf '%s: %.1f MiB were sent twice', $key, $again / $MiB);
	cmp_ok($again, '<=', ($at * $part - $known) + 4 * $part + $MiB, "$key: sent twice were the parts under way, and those whose checkpoint had not reached the standby");
}

# 2. The standby knows of a copy in the middle; the primary has finished, deleted the source, and died.
foreach my $way ([ 'finished', 24 * $MiB, 'copying' ], [ 'finished small', 3000, '' ], [ 'finished, source written anew', 3000, '', 'something new' ])
{
	my ($key, $bytes, $phase, $anew) = ($way->[0], bytes($way->[1]), @$way[2, 3]);
	my ($c, $s) = pair($key, $bytes);
	$c->set('cloudflux.migration_bandwidth' => '1MB') if $phase eq 'copying';
	# Held in the middle: the standby hears of the copy, and of nothing later.
	$c->set('cloudflux.fault' => $phase eq 'copying' ? 'migration_part_recorded:1:stop' : 'migration_copied:1:stop');
	$c->poll("SELECT current_setting('cloudflux.fault') <> ''");
	my $job = submit($c, $key);
	$c->set('cloudflux.migration_bandwidth' => '0');
	ok($s->poll("SELECT phase = 'copying' FROM cloudflux.job_queue WHERE job_id = '$job'", 60), "$key: the standby hears of the copy");
	my ($mover) = $c->value("SELECT pid FROM cloudflux.workers WHERE worker = 'mover'");
	await { $c->_slurp("/proc/$mover/stat") =~ /^\d+ \(.*\) T/ } 60, "$key: the mover is stopped";
	cut($s);
	$s->sql("ALTER SYSTEM SET cloudflux.fault = ''");
	kill 'CONT', $mover;
	ok($c->poll("SELECT count(*) = 0 FROM cloudflux.job_queue", 60), "$key: the primary finishes, and deletes the source") or diag($c->log_tail);
	is($c->value("SELECT status FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed', "$key: it says so");
	$c->kill9;
	$server{s3}->write($key, $anew) if defined $anew;
	promote($s, $key);
	# What was not replicated is forgotten, and a job that does not find its source fails. But what it finds at its destination
	# may be all that there is: nobody removes it.
	ok($s->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 120), "$key: no job is stranded") or diag($s->sql('SELECT * FROM cloudflux.migration_progress'), $s->log_tail);
	is($server{s3}->digest($key), defined $anew ? sha256_hex($anew) : undef, defined $anew ? "$key: what somebody has put there since stays" : "$key: the source is gone, as the old primary had it");
	is($server{azure}->digest($key), sha256_hex($bytes), "$key: the copy is not taken for remains, and stays");
	like($s->sql("SELECT status, error_sqlstate, error_hint FROM cloudflux.migration_jobs WHERE job_id = '$job'"), defined $anew ? qr/^failed\|42710\|.*import_inventory\(azure\)/ : qr/^failed\|02000\|.*promoted.*inventory of place "azure"/, "$key: the job says what to do");
	$s->sql("CALL cloudflux.import_inventory('azure')");
	is($s->value("SELECT count(*) FROM cloudflux.data_objects WHERE place = 'azure' AND object_key = '$key'"), 1, "$key: an inventory finds it");
}

# 3. Nobody told the primary that its standby was promoted.
{
	my ($key, $bytes) = ('two heads', bytes(64 * $MiB));
	my ($c, $s) = pair($key, $bytes);
	$c->set('cloudflux.migration_bandwidth' => '8MB');
	$c->poll("SELECT current_setting('cloudflux.migration_bandwidth') = '8MB'");
	my $job = submit($c, $key);
	ok($s->poll("SELECT count(*) > 1 FROM cloudflux.job_parts WHERE job_id = '$job'", 60), "$key: the standby hears of the copy");
	promote($s, $key);
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 120), "$key: the old primary comes to an end too") or diag($c->sql('SELECT * FROM cloudflux.migration_progress'), $c->log_tail);
	diag("$key: the old primary says: " . $c->sql("SELECT status, error_message FROM cloudflux.migration_jobs WHERE job_id = '$job'"));
	judge($s, $key, $bytes);
}

# 4. A standby that is waited for has every commit that a removal leans on, whatever the movers' synchronous_commit.
{
	my ($key, $bytes) = ('waited for', bytes(3000));
	my ($c, $s) = pair($key, $bytes, synchronous_commit => 'off', wal_writer_delay => '10s');
	$s->set('primary_conninfo' => $s->value("SELECT regexp_replace(current_setting('primary_conninfo'), '''', '''''', 'g') || ' application_name=waited'"));
	ok($c->poll("SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'waited'", 30), "$key: the standby has a name");
	$c->set(synchronous_standby_names => 'waited');
	ok($c->poll("SELECT sync_state = 'sync' FROM pg_stat_replication", 30), "$key: and is waited for");
	cut($s);
	my $job = submit($c, $key);
	ok(!$c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 5), "$key: without it the job does not come to its end");
	ok(defined $server{s3}->digest($key), "$key: its source stays");
	$c->kill9;
	promote($s, $key);
	judge($s, $key, $bytes);
}
done_testing;
