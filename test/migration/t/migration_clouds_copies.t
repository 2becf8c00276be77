# Copies that Azure makes by itself, from URL: what the source claims proves them; where it claims nothing, the store's word keeps the source
# unless its place accepts that, or both ends are read. Azurite copies by blocks, the strict peer whole blobs, and other bytes on order.
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::SHA qw(sha256_hex);

my $MiB = 1024 * 1024;
my $c = cluster('copies', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_retry_delay' => '10ms', 'cloudflux.migration_lease_sec' => 5, restart_after_crash => 'off');
open_clouds($c);
my %store = (azurite => server('azurite'), peer => server('peer-azure'));
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
foreach my $kind (sort keys %store)
{
	$store{$kind}->place($c, $kind);
	$store{$kind}->place($c, "${kind}_two", bucket => 'objects-two');
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach $kind, "${kind}_two";
}

# known makes an object known to the catalog, submit a job that moves it to the second place.
sub known { my ($kind, $key) = @_; $c->sql("CALL cloudflux.import_inventory('$kind', '$key')") }
sub submit
{
	my ($kind, $key, %how) = @_;
	my $with = join '', map { ", $_ => $how{$_}" } sort keys %how;
	return $c->value("SELECT cloudflux.migrate(file_id, '${kind}_two'$with) FROM cloudflux.data_objects WHERE place = '$kind' AND object_key = '$key'");
}

# run drives rounds until a job has ended or waits for its grace.
sub run
{
	my ($job) = @_;
	for (1 .. 50)
	{
		$c->sql('UPDATE cloudflux.job_queue SET not_before = NULL WHERE phase <> $$grace$$');
		$c->sql('CALL cloudflux.run_migrations()');
		last if $c->value("SELECT count(*) FROM cloudflux.job_queue WHERE job_id = '$job' AND phase <> 'grace'") == 0;
	}
	return $c->value("SELECT status || ' ' || verified || ' ' || CASE WHEN bytes_copied = 0 THEN 'by the store' ELSE 'through the server' END || ' ' || attempts FROM cloudflux.migration_jobs WHERE job_id = '$job'");
}
sub bytes { my ($size) = @_; return substr('0123456789abcdef' x ($size / 16 + 1), 0, $size) }
sub there { my ($kind, $key) = @_; return $store{$kind}->read($key, 'objects-two') // 'nothing' }
sub trouble { my ($job) = @_; return $c->sql("SELECT status, phase, attempts, error_message, error_detail, source_kept FROM cloudflux.migration_jobs WHERE job_id = '$job'") . "\n" . $c->log_tail }

# An MD5 that the service has computed, or the CRC-64 that we said when we wrote it, is held against what arrived.
foreach my $kind (sort keys %store)
{
	# (Azurite has no request that copies a whole blob, and of one without blocks it tells no digest: both are read.)
	foreach my $size (0, $MiB, 20 * $MiB)
	{
		$store{$kind}->write("theirs-$size", bytes($size));
		known($kind, "theirs-$size");
		my $job = submit($kind, "theirs-$size", delete_source => 'true');
		like(run($job), $size > 0 ? qr/^completed md5 by the store 1$/ : qr/^completed (md5|readback) by the store 1$/, "$kind: $size bytes of somebody else's are copied by the store, which proves it") or diag(trouble($job));
		ok(there($kind, "theirs-$size") eq bytes($size), "$kind: $size bytes are there");
		is($store{$kind}->read("theirs-$size"), undef, "$kind: and their source is gone");
	}
	$c->write('local/ours', bytes(20 * $MiB));
	$c->sql("CALL cloudflux.import_inventory('local', 'ours')");
	$c->sql("SELECT cloudflux.migrate(file_id, '$kind', delete_source => true) FROM cloudflux.data_objects WHERE place = 'local' AND object_key = 'ours'");
	$c->sql('CALL cloudflux.run_migrations()');
	my $job = submit($kind, 'ours', delete_source => 'true');
	is(run($job), 'completed crc64nvme by the store 1', "$kind: what we have written in blocks is proven by its CRC-64") or diag(trouble($job));
	is(sha256_hex(there($kind, 'ours')), sha256_hex(bytes(20 * $MiB)), "$kind: it is there");
	$job = $c->value("SELECT cloudflux.migrate(file_id, '$kind', delete_source => true) FROM cloudflux.data_objects WHERE place = '${kind}_two' AND object_key = 'ours'");
	like(run($job), qr/^completed (md5|crc64nvme) by the store 1$/, "$kind: and so is a copy of that copy") or diag(trouble($job));
	$c->sql("SELECT count(*) FROM cloudflux.data_objects, cloudflux.delete_object(file_id) WHERE object_key = 'ours'");
	$c->sql('CALL cloudflux.run_migrations()');
}

# More than one block of a copy: the CRC-64 of the blocks make that of the object.
my $large = 257 * $MiB + 5;
{
	open my $out, '>', "$root/large" or die $!;
	for (my $at = 0; $at < $large; $at += $MiB) { syswrite $out, substr(pack('N', $at) x ($MiB / 4), 0, $at + $MiB > $large ? $large - $at : $MiB) or die $! }
	close $out or die $!;
	chmod 0644, "$root/large";
}
my $sha = Digest::SHA->new(256)->addfile("$root/large", 'b')->hexdigest;
$c->sql("CALL cloudflux.import_inventory('local', 'large')");
$c->sql("SELECT cloudflux.migrate(file_id, 'azurite') FROM cloudflux.data_objects WHERE place = 'local' AND object_key = 'large'");
$c->sql('CALL cloudflux.run_migrations()');
my $job = submit('azurite', 'large', delete_source => 'true');
is(run($job), 'completed crc64nvme by the store 1', 'azurite: a copy of several blocks is proven') or diag(trouble($job));
is($store{azurite}->digest('large', 'objects-two'), $sha, 'azurite: and has the bytes');
is($store{azurite}->read('large'), undef, 'azurite: the source is gone');

# Nothing is claimed. By default no source is deleted whose copy only the store has seen.
my $peer = $store{peer};
sub plant { my ($key, %more) = @_; $peer->post('/_peer/object', { bucket => 'objects', key => $key, text => bytes(1000), md5 => '', %more }); known('peer', $key) }
plant('moved');
$job = submit('peer', 'moved', delete_source => 'true');
is(run($job), 'completed crc64nvme through the server 1', 'without a claim, what is to be deleted goes through the server') or diag(trouble($job));
is($peer->read('moved'), undef, 'and is deleted, since that proves it');
plant('copied');
$job = submit('peer', 'copied');
is(run($job), 'completed store by the store 1', "what stays is copied by the store, and the job says that its word is all there is") or diag(trouble($job));
is(there('peer', 'copied'), bytes(1000), 'the copy is there');
is($c->value("SELECT string_agg(state || ' ' || place, ', ' ORDER BY place) FROM cloudflux.addresses WHERE object_key = 'copied'"), 'replica peer, primary peer_two', 'and its source is kept, as a replica');

my $log = $c->log_size;
$c->sql("ALTER SERVER peer OPTIONS (ADD accept_unproven_delete 'true')");
like($c->log_since($log), qr/"peer" accepts deletes of sources whose copy nobody but the store has seen/, 'who accepts that is noted in the log');
plant('accepted');
$job = submit('peer', 'accepted', delete_source => 'true');
is(run($job), 'completed store by the store 1', 'where that is accepted the store copies') or diag(trouble($job));
is($peer->read('accepted'), undef, 'and the source is deleted');
plant('regretted');
$job = submit('peer', 'regretted', delete_source => 'true', grace => "'1 hour'");
is(run($job), 'completed store by the store 1', 'a copy is made while that is accepted, and its source waits') or diag(trouble($job));
$c->sql('ALTER SERVER peer OPTIONS (DROP accept_unproven_delete)');
$c->sql("UPDATE cloudflux.job_queue SET not_before = NULL WHERE job_id = '$job'");
run($job) for 1 .. 2;
is($c->value("SELECT phase || ' ' || (source_kept ~ 'accept_unproven_delete') FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'done true', 'when it is not accepted any more, the source is kept, and the job says why') or diag(trouble($job));
is($peer->read('regretted'), bytes(1000), 'it is there');

# A service that cannot read the source as we do.
$peer->write('unreachable', bytes(1000));
known('peer', 'unreachable');
$peer->post('/_peer/rules', { rules => [ { match => { method => 'PUT', path => 'unreachable' }, fault => { kind => 'status', status => 404, code => 'CannotVerifyCopySource' } } ] });
$job = submit('peer', 'unreachable', delete_source => 'true');
is(run($job), 'completed crc64nvme through the server 1', 'what the service cannot reach goes through the server, in the same attempt') or diag(trouble($job));
is($peer->read('unreachable'), undef, 'and its source is deleted');
$peer->post('/_peer/rules', { rules => [] });

# Other bytes than those of the source.
$peer->post('/_peer/settings', { spoil_copies => 'told' });
$peer->write('spoilt', bytes(1000));
known('peer', 'spoilt');
$job = submit('peer', 'spoilt', delete_source => 'true');
is(run($job), 'completed crc64nvme through the server 2', "a copy whose digest is not the source's is made anew, through the server") or diag(trouble($job));
is(there('peer', 'spoilt'), bytes(1000), 'with the right bytes');
$peer->post('/_peer/settings', { spoil_copies => 'untold' });
$c->set('cloudflux.migration_verify' => 'readback');
$c->poll("SELECT current_setting('cloudflux.migration_verify') = 'readback'", 30);
foreach my $claim (0, 1)
{
	my $key = "lied-$claim";
	if ($claim) { $peer->write($key, bytes(1000)); known('peer', $key) }
	else { plant($key) }
	$job = submit('peer', $key, delete_source => 'true');
	is(run($job), 'completed readback through the server 2', 'a store that tells of other bytes than it has is found out by who reads them' . ($claim ? '' : ', also where nothing is claimed'))
	  or diag(trouble($job));
	is(there('peer', $key), bytes(1000), 'the right ones are there in the end');
	is($peer->read($key), undef, 'before the source is deleted');
}
$peer->post('/_peer/settings', { spoil_copies => '' });
plant('read');
$job = submit('peer', 'read', delete_source => 'true');
is(run($job), 'completed readback by the store 1', 'where every byte is read, a copy by the store is proven without any claim') or diag(trouble($job));
$c->sql('ALTER SYSTEM RESET cloudflux.migration_verify');
$c->sql('SELECT pg_reload_conf()');
$c->poll("SELECT current_setting('cloudflux.migration_verify') = 'store'", 30);

# A mover dies when the store has copied: before it could say so, and after.
$c->set('cloudflux.migration_workers' => 1);
$c->restart;
foreach my $kind (sort keys %store)
{
	foreach my $point (qw(migration_copied migration_copied_recorded migration_switched))
	{
		my $key = "dies-$point";
		$store{$kind}->write($key, bytes($MiB));
		known($kind, $key);
		my $job;
		$c->falls("$point:1:kill", sub { $job = submit($kind, $key, delete_source => 'true') }, "$kind: at $point a mover dies, and the server with it");
		$c->start;
		ok($c->poll("SELECT phase = 'done' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 120), "$kind: the job goes on") or diag(trouble($job));
		ok(there($kind, $key) eq bytes($MiB), "$kind: the bytes are there");
		is($store{$kind}->read($key), undef, "$kind: and nowhere else");
	}
}
done_testing;
