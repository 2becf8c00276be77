# Somebody writes over sources again and again while they are copied: what arrives is one of the versions that were written, whole,
# never bytes of two. 200 times, in S3 (versitygw), Azure (Azurite), a directory and the strict peer of GCS, in
# rounds of several jobs at once; each version is of one letter, and its size tells it from others of that letter.
#
# A source that somebody never stops writing to may fail its job, cleanly; a job that deletes its source deletes the version that was copied or
# keeps the source.
use CloudFlux::Test;
use CloudFlux::Servers;

my $seed = $ENV{CF_SEED} // (time ^ $$ << 8) & 0x7fffffff;
srand $seed;
diag("seed $seed (CF_SEED repeats it)");
my $MiB = 1024 * 1024;
my $wanted = $ENV{CF_OVERWRITTEN} // 200;
my $at_once = 8;
my $c = cluster('overwritten', fsync => 'off', 'cloudflux.migration_workers' => 2, 'cloudflux.migration_lease_sec' => 10, 'cloudflux.migration_part_size' => '1MB',
	'cloudflux.migration_retry_delay' => '50ms');
open_clouds($c);
my %server = (s3 => server('versitygw'), azure => server('azurite'), gcs => server('peer-gcs'));
my @kinds = ('local', sort keys %server);
$server{$_}->place($c, $_) foreach keys %server;
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach @kinds;

# put writes as somebody else would; a file is replaced in one step, since half a file is a version too.
sub put
{
	my ($place, $key, $bytes) = @_;
	return $server{$place}->write($key, $bytes) if $place ne 'local';
	my $spare = $c->write('spare', $bytes);
	$c->write("local/$key", '') unless -e "$root/$key";
	rename $spare, "$root/$key" or die "$key: $!";
}
sub get { my ($place, $key) = @_; return $place eq 'local' ? $c->read("local/$key") : $server{$place}->read($key) }

# version writes the next version of an object and remembers it.
sub version
{
	my ($o) = @_;
	my $n = @{ $o->{versions} };
	my ($letter, $size) = (chr(ord('a') + $n % 26), $o->{size} + $n);
	put($o->{from}, $o->{key}, $letter x $size);
	push @{ $o->{versions} }, [ $letter, $size ];
}

# is_version tells which version bytes are; undef: a mixture, a torn one, or nobody's.
sub is_version
{
	my ($o, $bytes) = @_;
	my ($n) = grep { my ($letter, $size) = @{ $o->{versions}[$_] }; length $bytes == $size && $bytes eq $letter x $size } 0 .. $#{ $o->{versions} };
	return $n;
}

my ($n, $writes, $meanwhile, %outcome, @wrong) = (0, 0, 0);
while ($writes < $wanted)
{
	my @herd;
	while (@herd < $at_once)
	{
		my $from = $kinds[ $n % @kinds ];
		my @to = grep { $_ ne $from } @kinds;
		# Of one request, of a few parts, and one in eight of parts of 8 MiB.
		my $size = (300_000, 2 * $MiB, 2 * $MiB, 17 * $MiB)[ rand() < 0.125 ? 3 : int rand 3 ] + int rand 100_000;
		push @herd, { n => $n, from => $from, to => $to[ rand @to ], key => "over/$n", size => $size, versions => [], delete => rand() < 0.5 ? 'true' : 'false' };
		$n++;
	}
	version($_) foreach @herd;
	$c->sql(join ";\n", map { "CALL cloudflux.import_inventory('$_', 'over/')" } @kinds);
	$c->set('cloudflux.migration_bandwidth' => (qw(0 8MB 16MB 32MB))[ int rand 4 ]);
	my %job = map { split /\|/ } split /\n/, $c->sql("SELECT object_key, cloudflux.migrate(file_id, v.dest, delete_source => v.del)
		FROM cloudflux.data_objects JOIN (VALUES " . join(', ', map { "('$_->{key}', '$_->{from}', '$_->{to}', $_->{delete})" } @herd) . ') v(key, source, dest, del) ON object_key = key AND place = source');
	for (1 .. 4)
	{
		my %phase = map { split /\|/ } split /\n/, $c->sql("SELECT source_key, phase FROM cloudflux.migration_jobs WHERE source_key LIKE 'over/%' AND completed_at IS NULL");
		foreach my $o (@herd)
		{
			my $phase = $phase{ $o->{key} } // 'done';
			# Where a job has removed its source, a new object would be another one.
			next if rand() < 0.25 || $o->{delete} eq 'true' && $phase =~ /^(deleting_source|done)$/;
			$meanwhile++ if $phase ne 'done';
			version($o);
			$writes++;
		}
	}
	$c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 120) or push(@wrong, 'jobs do not come to their end'), diag($c->sql('SELECT * FROM cloudflux.migration_progress'));
	foreach my $o (@herd)
	{
		my ($status, $kept, $error) = split /\|/, $c->sql("SELECT status, source_kept, error_message FROM cloudflux.migration_jobs WHERE job_id = '$job{ $o->{key} }'"), -1;
		my ($there, $source) = (get($o->{to}, $o->{key}), get($o->{from}, $o->{key}));
		my $what = "$o->{key}, $o->{from} to $o->{to} ($status" . ($o->{delete} eq 'true' ? ', to delete' : '') . ')';
		my $arrived = defined $there ? is_version($o, $there) : undef;
		$outcome{ !defined $there ? 'failed cleanly' : !defined $arrived ? 'MIXED' : $arrived == $#{ $o->{versions} } ? 'the last version' : 'an earlier version' }++;
		push @wrong, "$what: no version that was written, but " . length($there) . ' bytes' if defined $there && !defined $arrived;
		push @wrong, "$what: completed, and nothing is there" if $status eq 'completed' && !defined $there;
		push @wrong, "$what: not completed, and something is there" if $status ne 'completed' && defined $there;
		push @wrong, "$what: $error" if $status eq 'failed' && $error !~ /chang|not the version|size/i;
		# What was written last is somewhere, unless what was copied is what was written last.
		push @wrong, "$what: the last version is lost" if !defined $source && (!defined $arrived || $arrived != $#{ $o->{versions} });
		push @wrong, "$what: a source that nobody may have touched has no version of ours" if defined $source && !defined is_version($o, $source);
	}
}
is_deeply(\@wrong, [], "$n sources written over while they are copied: never bytes of two versions, never the last one lost");
diag("$writes times written over, $meanwhile of them before the job had ended: " . join(', ', map { "$outcome{$_} $_" } sort keys %outcome));
cmp_ok($meanwhile, '>=', $wanted / 5, 'enough of them in the middle');
diag($c->sql("SELECT count(*) || ' sources were kept, as they had changed' FROM cloudflux.migration_jobs WHERE source_kept IS NOT NULL"));
is($c->sql("SELECT place, count(*) FROM (VALUES " . join(', ', map { "('$_')" } @kinds) . ') p(place), cloudflux.stale_uploads(place, \'0\') u WHERE cloudflux.abort_upload(place, u.handle) IS NULL GROUP BY 1'), '', 'no upload is left that the sweep cannot remove');
done_testing;
