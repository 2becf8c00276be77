# The policy of docs/storage.md, on a server that enforces policies: everything works with it, and what is taken out of it is missed
# where the page says so.
use CloudFlux::Test;
use CloudFlux::Servers;
use File::Basename;
use JSON::PP;

my $c = cluster('policy', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_part_size' => '8MB');
my $s3 = server('versitygw');
open_clouds($c);
my $harness = $ENV{CF_HARNESS};

# A user of the server who may nothing by himself.
my ($good, $program, $err) = $s3->run("$harness/servers", 'program', 'versitygw');
chomp $program;
my %keys = (access_key_id => 'CFUSER', secret_access_key => 'a-secret-of-the-user');
($good, undef, $err) = $s3->run($program, 'admin', '-a', $s3->{env}{CF_ACCESS_KEY}, '-s', $s3->{env}{CF_SECRET_KEY}, '-er', $s3->{endpoint},
	'create-user', '-a', $keys{access_key_id}, '-s', $keys{secret_access_key}, '-r', 'user');
die "no user: $err" unless $good;

# The page's policy: the block of JSON that names the actions of S3.
open my $in, '<', dirname(__FILE__) . '/../../../docs/storage.md' or die $!;
my $page = do { local $/; <$in> };
my ($text) = grep { /s3:ListBucketMultipartUploads/ } $page =~ /```text\n(\{.*?\n)```/sg;
my $documented = decode_json($text);
my @actions = map { @{ $_->{Action} } } @{ $documented->{Statement} };
cmp_ok(scalar @actions, '>=', 8, 'the page has a policy');

# grant gives the user the policy without some of its actions; a bucket's policy also says for whom.
sub grant
{
	my %without = map { $_ => 1 } @_;
	my $policy = decode_json(encode_json($documented));
	foreach my $statement (@{ $policy->{Statement} })
	{
		$statement->{Principal} = { AWS => [ $keys{access_key_id} ] };
		$statement->{Resource} =~ s/my-bucket/objects/;
		$statement->{Action} = [ grep { !$without{$_} } @{ $statement->{Action} } ];
	}
	$policy->{Statement} = [ grep { @{ $_->{Action} } } @{ $policy->{Statement} } ];
	open my $out, '>', "$s3->{dir}/policy" or die $!;
	print $out encode_json($policy);
	close $out;
	my ($done, undef, $why) = $s3->run("$harness/servers_api.py", 'policy', $s3->{endpoint}, 'objects', "$s3->{dir}/policy");
	die "no policy: $why" unless $done;
}

sub bad { return join ' ', sort split /\n/, $c->sql("SELECT check_name FROM cloudflux.check_storage('s3') WHERE NOT ok") }

$s3->place($c, 's3', credentials => \%keys);
like(bad(), qr/\blist\b.*\bwrite\b/, 'without a policy the user may nothing');
grant();
is(bad(), '', 'with it check_storage() finds all well') or diag($c->sql("SELECT check_name, detail FROM cloudflux.check_storage('s3') WHERE NOT ok"));

# A small object and one of several parts, there and back, the sources deleted; an upload that is cancelled.
my $root = $c->place('here');
$c->sql("SELECT cloudflux.add_storage('here', 'LOCAL', '$root')");
$c->write('here/small', 'x' x 1000);
$c->write('here/large', join '', map { chr(32 + $_ % 90) x 100_000 } 1 .. 200);
$c->sql("CALL cloudflux.import_inventory('here')");
foreach my $to ('s3', 'here')
{
	$c->sql("SELECT cloudflux.migrate(file_id, '$to', delete_source => true, grace => '0') FROM cloudflux.data_objects");
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 120), "moves to $to end");
	is($c->value("SELECT count(*) FROM cloudflux.data_objects WHERE place = '$to'"), 2, "and arrive") or diag($c->sql('SELECT status, phase, error_message FROM cloudflux.migration_jobs'));
}
is_deeply([ $s3->list ], [], 'the sources in the bucket were deleted');
is($c->sql("SELECT u FROM cloudflux.stale_uploads('s3', interval '0') AS u"), '', 'no upload is left over, which may be looked for');

# What is missed, and where.
my @missed = ([ 's3:ListBucket', qr/\blist\b/, qr/\bwrite\b/ ], [ 's3:PutObject', qr/\bwrite\b/, qr/\blist\b/ ], [ 's3:DeleteObject', qr/conditional delete/, qr/\b(list|write|checksums)\b/ ],
	[ 's3:GetObject', qr/write|checksums/, qr/\blist\b/ ]);
foreach my $m (@missed)
{
	my ($action, $fails, $works) = @$m;
	grant($action);
	my $bad = bad();
	(my $rest = $bad) =~ s/conditional \w+//g;
	ok($bad =~ $fails && $rest !~ $works, "without $action this is missed: $bad");
	is($c->value("SELECT ok FROM cloudflux.check_storage('s3') WHERE check_name = 'authenticated'"), 't', "and the user is known all the same");
}
done_testing;
