# A mover that dies of SIGKILL at 60 % of 1 GiB: the next one sends what was missing, and of what had arrived no more again than
# the parts that were on their way. LOCAL to S3 and S3 to Azure; all sixteen directions in make check-long.
#
# What goes over the wire is counted by a proxy in front of the destination, behind the back of both ends, or by the peer's log; what
# the second mover sent is told by request_metrics too.
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::SHA;

my $MiB = 1024 * 1024;
my $size = ($ENV{CF_RESUME_MB} // 1024) * $MiB;
my $part = 8 * $MiB;
my $under_way = 4;				# parts of one object, at most
my $at = int(0.6 * $size / $part);
my $c = cluster('resume', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 10,
	'cloudflux.migration_part_size' => '8MB', 'cloudflux.migration_retry_delay' => '100ms', max_wal_size => '2GB');
open_clouds($c);
my $proxy = server('toxiproxy');
my %program = (s3 => 'versitygw', azure => 'azurite', $ENV{CF_LONG} ? (gcs => 'peer-gcs') : ());
# The peer takes requests for its own address only; it has a log of them.
my %server = map { my $server = server($program{$_}); ($_ => $_ eq 'gcs' ? $server : $server->through($proxy, $_)) } keys %program;
my @kinds = ('local', sort keys %program);
my %root = map { ($_ => $c->place($_)) } qw(local local_two);
foreach my $kind (@kinds)
{
	foreach my $place ($kind, $ENV{CF_LONG} ? "${kind}_two" : ())
	{
		if ($kind eq 'local') { $c->sql("SELECT cloudflux.add_storage('$place', 'LOCAL', '$root{$place}')") }
		else { $server{$kind}->place($c, $place, bucket => bucket($place)) }
		$c->sql("SELECT count(*) FROM cloudflux.check_storage('$place')");
	}
}

sub kind { return $_[0] =~ s/_two$//r }
sub bucket { return $_[0] =~ /_two$/ ? 'objects-two' : 'objects' }
sub digest
{
	my ($place, $key) = @_;
	return $server{ kind($place) }->digest($key, bucket($place)) if kind($place) ne 'local';
	return -e "$root{$place}/$key" ? Digest::SHA->new(256)->addfile("$root{$place}/$key", 'b')->hexdigest : undef;
}

# An object whose parts all differ, as cheaply as can be: one random block, and its own place in front of each copy of it.
open my $random, '<:raw', '/dev/urandom' or die $!;
my $block;
read $random, $block, $MiB;
my $path = $c->write('local/big', '');
my $sha = Digest::SHA->new(256);
open my $out, '>:raw', $path or die "$path: $!";
for (my $offset = 0; $offset < $size; $offset += $MiB)
{
	substr($block, 0, 8) = pack 'Q>', $offset;
	print $out $block;
	$sha->add($block);
}
close $out or die "$path: $!";
$sha = $sha->hexdigest;
$c->sql("CALL cloudflux.import_inventory('local', 'big')");

sub crossed
{
	my ($place) = @_;
	my $kind = kind($place);
	return 0 if $kind eq 'local';
	return $server{$kind}->crossed('upstream') if $kind ne 'gcs';
	my $bytes = 0;
	$bytes += $_->{body_bytes} foreach @{ $server{gcs}->ask('/_peer/log')->{requests} };
	return $bytes;
}
sub metered
{
	my ($place) = @_;
	$c->sql('SELECT cloudflux.flush_request_metrics()');
	return $c->value("SELECT COALESCE(sum(sent_bytes), 0) FROM cloudflux.request_metrics WHERE place = '$place'");
}

# disarm takes the fault away, from a server that may be dying of it just now.
sub disarm
{
	foreach my $statement ("ALTER SYSTEM SET cloudflux.fault = ''", 'SELECT pg_reload_conf()')
	{
		my $until = time + 60;
		until (($c->psql($statement))[0] == 0) { die 'the server does not come back' if time > $until }
	}
	$c->poll("SELECT current_setting('cloudflux.fault') = ''", 60);
}

sub leg
{
	my ($from, $to) = @_;
	my $by_store = kind($from) eq kind($to) && kind($from) ne 'local';	# no byte comes by: there are no parts to die between
	my $way = "$from to $to";
	my ($log, $sent) = ($c->log_size, crossed($to));
	$c->set('cloudflux.fault' => $by_store ? 'migration_copied:1:kill' : "migration_part_recorded:$at:kill");
	$c->poll("SELECT current_setting('cloudflux.fault') <> ''");
	my $job = $c->value("SELECT cloudflux.migrate(file_id, '$to', delete_source => true) FROM cloudflux.data_objects WHERE object_key = 'big'");
	await { $c->log_since($log) =~ /cloudflux mover.* was terminated by signal 9/ } 240, "$way: a mover dies at 60 %" or diag($c->log_tail);
	ok($c->poll("SELECT current_setting('cloudflux.fault') <> ''", 60), "$way: the server recovers");
	my ($metered, $proven) = $by_store ? (0, 0) : (metered($to), $at * $part);
	disarm();
	ok($c->poll("SELECT status = 'completed' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 300), "$way: the next one ends its work")
		or return diag($c->sql('SELECT * FROM cloudflux.migration_progress'), $c->log_tail);
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60), "$way: and deletes the source");
	is(digest($to, 'big'), $sha, "$way: the object has its bytes");
	is(digest($from, 'big'), undef, "$way: and is nowhere else");
	return if $by_store;
	my $told = $c->value("SELECT bytes_copied FROM cloudflux.migration_jobs WHERE job_id = '$job'");
	note("$way: $told bytes were copied by the second mover");
	cmp_ok($told, '<=', $size - $proven, "$way: what had a checkpoint was not copied again");
	return if kind($to) eq 'local';
	# A proxy counts when a connection ends, and movers keep theirs.
	my $mover = $c->value("SELECT pid FROM cloudflux.workers WHERE worker = 'mover'");
	$c->sql("SELECT pg_terminate_backend($mover)");
	$c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $mover");
	my ($again, $later) = (crossed($to) - $sent - $size, metered($to) - $metered);
	diag(sprintf '%s: %.1f MiB were sent twice, %.1f MiB after the death', $way, $again / $MiB, $later / $MiB);
	# Heads of requests and manifests are a few kilobytes each.
	cmp_ok($again, '>=', 0, "$way: all of it was seen there");
	cmp_ok($again, '<=', $under_way * $part + 2 * $MiB, "$way: sent twice were at most the $under_way parts under way, as the server's side counts");
	cmp_ok($later, '<=', $size - $proven + 2 * $MiB, "$way: the second mover sent what was missing, as request_metrics counts");
}

my @ways = ([ qw(local s3) ], [ qw(s3 azure) ]);
# Round all directions without going one twice for nothing: each pair of kinds, from where the object is.
@ways = map { [ split / / ] } 'local s3', 's3 azure', 'azure gcs', 'gcs local', 'local local_two', 'local_two azure', 'azure s3', 's3 s3_two',
	's3_two gcs', 'gcs gcs_two', 'gcs_two azure', 'azure azure_two', 'azure_two local', 'local gcs', 'gcs s3', 's3 local' if $ENV{CF_LONG};
leg(@$_) foreach @ways;
done_testing;
