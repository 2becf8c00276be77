# Objects move between real servers: S3, Azure, GCS and LOCAL in all sixteen directions; then one move is cancelled, and one
# loses its mover.
#
# The GCS side is the scripted peer: of all servers for GCS it alone honours the generation of a DELETE, without which no
# source is deleted. CF_LONG makes more and larger objects. CF_SEED repeats a run.
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::SHA qw(sha256_hex);

my $seed = $ENV{CF_SEED} // (time ^ $$ << 8) & 0x7fffffff;
srand $seed;
diag("seed $seed (CF_SEED repeats it)");
my $MiB = 1024 * 1024;
my $long = $ENV{CF_LONG};
my $c = cluster('clouds', fsync => 'off', 'cloudflux.migration_workers' => 2, 'cloudflux.migration_lease_sec' => 5,
	'cloudflux.migration_part_size' => '8MB', 'cloudflux.migration_retry_delay' => '100ms');
open_clouds($c);
my %server = (s3 => server('versitygw'), azure => server('azurite'), gcs => server('peer-gcs'));
my %root;
my @kinds = (sort(keys %server), 'local');
foreach my $kind (keys %server)
{
	$server{$kind}->place($c, $kind);
	$server{$kind}->place($c, "${kind}_two", bucket => 'objects-two');
}
foreach my $place (qw(local local_two)) { $root{$place} = $c->place($place); $c->sql("SELECT cloudflux.add_storage('$place', 'LOCAL', '$root{$place}')") }
# Deletes are refused where nobody has proven that the store honours their condition.
$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach map { ($_, "${_}_two") } @kinds;

sub bucket { return $_[0] =~ /_two$/ ? 'objects-two' : 'objects' }
sub put
{
	my ($place, $key, $bytes) = @_;
	(my $kind = $place) =~ s/_two$//;
	if ($kind eq 'local') { $c->write("$place/$key", $bytes) }
	else { $server{$kind}->write($key, $bytes, bucket($place)) }
}
sub get
{
	my ($place, $key) = @_;
	(my $kind = $place) =~ s/_two$//;
	return $kind eq 'local' ? $c->read("$place/$key") : $server{$kind}->read($key, bucket($place));
}

# bytes makes printable ones (the peer takes text), cheaply: a random line, repeated with a counter at the front.
sub bytes
{
	my ($size) = @_;
	my $line = join '', map { chr(33 + int rand 90) } 1 .. 61;
	return substr join('', map { sprintf '%08d%s', $_, $line } 0 .. $size / 69), 0, $size;
}

sub trouble { return $c->sql('SELECT job_id, phase, state, attempt, error_message FROM cloudflux.migration_progress') . "\n" . $c->log_tail }

# All directions at once: a herd for each, deleted at its source when it has arrived.
my (%sha, %herd);
foreach my $from (@kinds)
{
	foreach my $to (@kinds)
	{
		my $dest = $to eq $from ? "${to}_two" : $to;
		my @sizes = (0, 1, 4096, 70_000 + int rand 1000, $long ? (5 * $MiB, 18 * $MiB + int rand $MiB) : ());
		push @sizes, 18 * $MiB + int rand $MiB if !$long && "$from $to" =~ /^(s3 azure|azure local|local s3|s3 s3)$/;
		foreach my $i (0 .. $#sizes)
		{
			my $key = "$from-$to/object $i+\xc3\xa4.bin";
			my $bytes = bytes($sizes[$i]);
			$sha{$key} = sha256_hex($bytes);
			push @{ $herd{"$from $dest"} }, $key;
			put($from, $key, $bytes);
		}
	}
}
$c->sql("CALL cloudflux.import_inventory('$_')") foreach @kinds;
is($c->value('SELECT count(*) FROM cloudflux.data_objects'), scalar keys %sha, 'inventories of four providers catalogue ' . keys(%sha) . ' objects');
foreach my $direction (sort keys %herd)
{
	my ($from, $to) = split / /, $direction;
	(my $kind = $to) =~ s/_two$//;
	$c->sql("SELECT cloudflux.migrate(file_id, '$to', delete_source => true) FROM cloudflux.data_objects WHERE place = '$from' AND object_key LIKE '$from-$kind/%'");
}
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 300), 'all jobs come to an end') or diag(trouble());
is($c->sql("SELECT job_id, source_place, dest_place, status, error_message FROM cloudflux.migration_jobs WHERE status <> 'completed'"), '', 'all of them are completed');
foreach my $direction (sort keys %herd)
{
	my ($from, $to) = split / /, $direction;
	my @wrong = grep { sha256_hex(get($to, $_) // 'none') ne $sha{$_} } @{ $herd{$direction} };
	is_deeply(\@wrong, [], "$from to $to: every object is there with its bytes");
	is_deeply([ grep { defined get($from, $_) } @{ $herd{$direction} } ], [], "$from to $to: and nowhere else");
}
note($c->sql("SELECT source_place, dest_place, string_agg(DISTINCT verified, ', '), count(*) FROM cloudflux.migration_jobs GROUP BY 1, 2 ORDER BY 1, 2"));
is($c->value("SELECT count(*) FROM cloudflux.migration_jobs WHERE verified IS NULL"), 0, 'each job says how its copy was verified');
is($c->value("SELECT count(*) FROM cloudflux.data_objects o WHERE NOT EXISTS (SELECT FROM cloudflux.addresses a WHERE a.file_id = o.file_id AND a.place = o.place AND a.object_key = o.object_key AND a.state = 'primary')"), 0,
	'the catalog says where they are');

# slowly submits a move of one object, slowed down so that it can be met on its way, and waits until bytes have arrived.
sub slowly
{
	my ($key, $from, $to, $size) = @_;
	my $bytes = bytes($size);
	put($from, $key, $bytes);
	$c->sql("CALL cloudflux.import_inventory('$from', '$key')");
	$c->set('cloudflux.migration_bandwidth' => '1MB');
	my $job = $c->value("SELECT cloudflux.migrate(file_id, '$to', delete_source => true) FROM cloudflux.data_objects WHERE object_key = '$key'");
	ok($c->poll("SELECT bytes_done > 0 AND claimed_by IS NOT NULL FROM cloudflux.migration_progress WHERE job_id = '$job'", 60), "$key is on its way") or diag(trouble());
	return ($job, $bytes);
}

foreach my $way ([ 's3', 'azure' ], [ 'local', 's3' ], [ 'azure', 'gcs' ], [ 'gcs', 'local' ])
{
	my ($from, $to) = @$way;
	my ($job, $bytes) = slowly("cancelled-$from-$to", $from, $to, 40 * $MiB);
	$c->sql("SELECT cloudflux.cancel_migration('$job')");
	ok($c->poll("SELECT status = 'cancelled' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), "$from to $to: a move is cancelled") or diag(trouble());
	is(get($to, "cancelled-$from-$to"), undef, "$from to $to: nothing has appeared");
	# A part that was on its way when the upload was aborted may arrive afterwards: the sweep is there for that.
	note($c->sql("SELECT u.handle, cloudflux.abort_upload('$to', u.handle) FROM cloudflux.stale_uploads('$to', '0') AS u"));
	is($c->value("SELECT count(*) FROM cloudflux.stale_uploads('$to', '0')"), 0, "$from to $to: no upload is left behind that the sweep cannot remove");
	ok(get($from, "cancelled-$from-$to") eq $bytes, "$from to $to: the source is untouched");
	last if !$long && $to eq 's3';
}

foreach my $way ([ 's3', 'azure' ], [ 'local', 's3' ], [ 'azure', 'local' ], [ 'gcs', 's3' ])
{
	my ($from, $to) = @$way;
	my ($job, $bytes) = slowly("killed-$from-$to", $from, $to, 40 * $MiB);
	my $mover = $c->value("SELECT claimed_by FROM cloudflux.migration_progress WHERE job_id = '$job'");
	kill 'KILL', $mover;
	ok($c->poll("SELECT pid IS DISTINCT FROM $mover FROM cloudflux.workers WHERE worker = 'mover' LIMIT 1", 60), "$from to $to: a mover dies of SIGKILL in the middle");
	$c->set('cloudflux.migration_bandwidth' => '0');
	ok($c->poll("SELECT status = 'completed' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 120), "$from to $to: another finishes its work") or diag(trouble());
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60), "$from to $to: the source is dealt with");
	ok((get($to, "killed-$from-$to") // '') eq $bytes, "$from to $to: the object has its bytes");
	is(get($from, "killed-$from-$to"), undef, "$from to $to: and is nowhere else");
	last if !$long && $to eq 's3';
}
done_testing;
