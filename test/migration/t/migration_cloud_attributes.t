# What travels with an object besides its bytes: headers, metadata, tags and the time of the user's file go from S3 through Azure
# and a directory to another bucket of S3 and are the same there; what a store cannot hold is refused unless its place accepts it.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $c = cluster('clouds', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_attempts' => 1, 'cloudflux.migration_part_size' => '8MB');
open_clouds($c);
my %server = (s3 => server('versitygw'), azure => server('azurite'), gcs => server('peer-gcs'));
$server{$_}->place($c, $_) foreach sort keys %server;
$server{s3}->place($c, 's3_two', bucket => 'objects-two');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '" . $c->place('local') . "')");
$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach qw(s3 s3_two azure gcs local);

my %headers = ('content-type' => 'text/csv', 'cache-control' => 'max-age=60', 'content-language' => 'de', 'content-disposition' => 'attachment; filename="a b.csv"',
	'content-encoding' => 'gzip');
my %said = (%headers, 'x-amz-meta-colour' => 'blue', 'x-amz-meta-mtime' => '1700000000.250000', 'x-amz-tagging' => 'project=one&team=b%20c');

sub move
{
	my ($key, $to, %how) = @_;
	my $job = $c->value("SELECT cloudflux.migrate(file_id, '$to', delete_source => " . ($how{keep} ? 'false' : 'true') . ") FROM cloudflux.data_objects WHERE object_key = '$key'");
	$c->poll("SELECT count(*) = 0 FROM cloudflux.job_queue WHERE job_id = '$job'", 120) or diag($c->log_tail);
	return $job;
}

# small is one request, large goes in parts, which tell content type, metadata and tags at another moment.
foreach my $key ('small', 'large')
{
	$server{s3}->write($key, 'some,bytes' x ($key eq 'small' ? 1 : 1.8 * $MiB), 'objects', \%said);
	$c->sql("CALL cloudflux.import_inventory('s3', '$key')");
	foreach my $to (qw(azure local s3_two))
	{
		my $job = move($key, $to);
		is($c->sql("SELECT status, error_message, error_detail, left_behind FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed|||', "$key goes to $to, and nothing is left behind");
		if ($to eq 'local')
		{
			is((stat $c->place('local') . "/$key")[9], 1700000000, "$key: the file has the time of the user's file");
			next;
		}
		my $there = $server{ $to =~ /s3/ ? 's3' : 'azure' }->describe($key, $to eq 's3_two' ? 'objects-two' : 'objects');
		is($there->{headers}{$_}, $headers{$_}, "$key at $to: $_") foreach sort keys %headers;
		my $x = $to eq 'azure' ? 'x-ms-meta' : 'x-amz-meta';
		is($there->{headers}{"$x-colour"}, 'blue', "$key at $to: metadata");
		is($there->{headers}{"$x-mtime"}, $to eq 'azure' ? '2023-11-14T22:13:20.250000Z' : '1700000000.000000', "$key at $to: the time of the user's file, as rclone writes it")
			if $to eq 'azure';
		is_deeply($there->{tags}, { project => 'one', team => 'b c' }, "$key at $to: tags");
	}
}

# A file that appears in a store for the first time tells its own time.
$c->write('local/file', 'a file');
utime 1600000000, 1600000000, $c->place('local') . '/file';
$c->sql("CALL cloudflux.import_inventory('local', 'file')");
move('file', 's3');
is($server{s3}->describe('file')->{headers}{'x-amz-meta-mtime'}, '1600000000.000000', 'a file tells its time to a store that has none of its own');

# What cannot be held.
$server{s3}->write('tagged', 'bytes', 'objects', { 'x-amz-tagging' => 'project=one&team=two', 'x-amz-meta-x-size' => '4' });
$c->sql("CALL cloudflux.import_inventory('s3', 'tagged')");
my $job = move('tagged', 'gcs');
like($c->sql("SELECT status, error_sqlstate, error_message, error_detail FROM cloudflux.migration_jobs WHERE job_id = '$job'"),
	qr/^failed\|0A000\|place "gcs" cannot hold all of object "tagged"\|It would lose tags \(2, as "(project|team)"\)\.$/, 'tags are not lost without a word');
is($server{gcs}->read('tagged'), undef, 'and nothing was sent');
like($c->value("SELECT error_hint FROM cloudflux.migration_jobs WHERE job_id = '$job'"), qr/accept_loss 'tags'/, 'the hint tells how to accept it');
$job = move('tagged', 'azure');
is($c->value("SELECT error_detail FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'It would lose metadata (1, as "x-size").', 'Azure has tags, but other names of metadata');
throws($c, "ALTER SERVER gcs OPTIONS (ADD accept_loss 'taxes')", '22023', undef, 'the option names attributes');
$c->sql("ALTER SERVER gcs OPTIONS (ADD accept_loss 'tags')");
like($c->log_tail, qr/place "gcs" accepts that objects lose tags/, 'who accepts a loss is named in the log');
$job = move('tagged', 'gcs', keep => 1);
like($c->sql("SELECT status, left_behind FROM cloudflux.migration_jobs WHERE job_id = '$job'"), qr/^completed\|tags \(2, as "(project|team)"\)$/, 'then the move is made, and says what was left behind');
move('tagged', 's3_two', keep => 1);
is($server{s3}->describe('tagged', 'objects-two')->{headers}{'x-amz-meta-x-size'}, 4, 'the rest went along');
done_testing;
