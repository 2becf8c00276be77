# Logs and inventories that lie in buckets of real servers, read from there; what they tell is compared with the store itself.
use strict;
use warnings;
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::MD5 qw(md5_hex);
use JSON::PP;
use POSIX qw(strftime);

my $c = cluster('evidence', fsync => 'off');
my %server = map { $_ => server($_) } qw(versitygw azurite fake-gcs-server);
open_clouds($c);

sub packed
{
	my ($bytes) = @_;
	my $out;
	IPC::Run::run([ 'gzip', '-nc' ], '<', \$bytes, '>', \$out) or die 'gzip';
	return $out;
}

# quoted makes a line of CSV.
sub quoted { return join(',', map { (my $f = $_) =~ s/"/""/g; qq{"$f"} } @_) . "\n" }

# usage makes a line of a log in the format of the provider: somebody read $bytes of $key at second $s of a minute.
my %log = (
	versitygw => sub
	{
		my ($bucket, $s, $key, $bytes) = @_;
		return encode_json({ eventTime => sprintf('2024-05-01T12:00:%02dZ', $s), eventSource => 's3.amazonaws.com', eventName => 'GetObject', userIdentity => { arn => 'arn:aws:iam::1:user/ann' },
			requestParameters => { bucketName => $bucket, key => $key }, additionalEventData => { bytesTransferredOut => $bytes } });
	},
	azurite => sub
	{
		my ($bucket, $s, $key, $bytes) = @_;
		$key =~ s/ /%%20/g;
		return sprintf(qq{1.0;2024-05-01T12:00:%02d.0000000Z;GetBlob;Success;200;17;16;authenticated;ann;devstoreaccount1;blob;"http://x/$bucket/$key";"/devstoreaccount1/$bucket/$key";id;0;192.0.2.4:1;2014;283;0;354;$bytes;0;;;"0x8D";Thu;;"agent";;"c"\n}, $s);
	},
	'fake-gcs-server' => sub
	{
		my ($bucket, $s, $key, $bytes) = @_;
		return quoted(1714564800000000 + $s * 1000000, '203.0.113.7', 1, '', 'GET', "/$key", 200, 0, $bytes, 488000, 'host', '', 'agent', 'id', 'GET_Object', $bucket, $key);
	});
my %format = (versitygw => 'cloudtrail', azurite => 'azure', 'fake-gcs-server' => 'gcs');

# manifest makes the files of an inventory of these objects (key, bytes, version as the catalog has it): name => content.
my %manifest = (
	versitygw => sub
	{
		my ($bucket, $at, @rows) = @_;
		my $csv = join('', map {
			my ($key, $bytes, $version) = @$_;
			my ($etag, $modified) = $version =~ /^e=([^;]*);m=(\d+)/ or die $version;
			$key =~ s/([^A-Za-z0-9\/._-])/sprintf('%%%02X', ord $1)/ge;
			quoted($bucket, $key, 'null', 'true', 'false', $bytes, strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime $modified), $etag, 'STANDARD')
		} @rows);
		my $file = packed($csv);
		my $json = encode_json({ sourceBucket => $bucket, destinationBucket => "arn:aws:s3:::$bucket", version => '2016-11-30', creationTimestamp => $at * 1000 . '', fileFormat => 'CSV',
			fileSchema => 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass', files => [ { key => 'inv/data/one.csv.gz', size => length $file, MD5checksum => md5_hex($file) } ] });
		return ('inv/manifest.json' => $json, 'inv/manifest.checksum' => md5_hex($json), 'inv/data/one.csv.gz' => $file);
	},
	azurite => sub
	{
		my ($bucket, $at, @rows) = @_;
		my $csv = "Name,Last-Modified,Etag,Content-Length,AccessTier\n" . join('', map { quoted("$bucket/$_->[0]", '2024-05-01T10:00:00Z', $_->[2], $_->[1], 'Hot') } @rows);
		my $json = encode_json({ inventoryStartTime => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $at), status => 'Succeeded', summary => { objectCount => scalar @rows },
			ruleDefinition => { format => 'csv', objectType => 'blob', filters => { prefixMatch => ["$bucket/data/"] } }, files => [ { blob => 'inv/rule.csv', size => length $csv } ] });
		return ('inv/manifest.json' => $json, 'inv/manifest.checksum' => md5_hex($json), 'inv/rule.csv' => $csv);
	},
	'fake-gcs-server' => sub
	{
		my ($bucket, $at, @rows) = @_;
		my $csv = "bucket,name,size,timeCreated,generation,storageClass\n" . join('', map { quoted($bucket, $_->[0], $_->[1], '2024-05-01T10:00:00Z', $_->[2], 'STANDARD') } @rows);
		return ('inv/shard_0.csv' => $csv, 'inv/manifest.json' => encode_json({ snapshot_time => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $at), records_processed => scalar @rows,
			report_shards_file_names => ['shard_0.csv'], report_config => { csv_options => { header_required => JSON::PP::true }, object_metadata_report_options => { storage_filters => { bucket => $bucket } } } }));
	});

foreach my $name (sort keys %server)
{
	my $s = $server{$name};
	(my $place = $name) =~ tr/-/_/;
	$s->place($c, $place);
	$s->write("data/$_", "bytes of $_") foreach 'a b+c.txt', 'kept.txt', 'changed.txt', 'unlisted.txt';
	my %there = map { my ($key, $bytes, $version) = split /\|/; $key => [ $key, $bytes, $version ] } split /\n/,
		$c->sql("SELECT object_key, size_bytes, version FROM cloudflux.list_objects('$place', 'data/')");

	# An inventory from the bucket itself.
	my %files = $manifest{$name}->($s->{bucket}, time - 3600, map { $there{"data/$_"} } 'a b+c.txt', 'changed.txt', 'kept.txt');
	$s->write($_, $files{$_}) foreach sort keys %files;
	$c->sql(qq{INSERT INTO cloudflux.data_objects (file_id, place, object_key, created_at) VALUES
		('$name ghost', '$place', 'data/ghost.txt', '2024-01-01Z'), ('$name unlisted', '$place', 'data/unlisted.txt', '2024-01-01Z'), ('$name later', '$place', 'data/later.txt', now())});
	$c->sql("CALL cloudflux.import_inventory('$place', 'data/', manifest => 'inv/manifest.json')");
	is($c->sql("SELECT status, listed, created, vanished, errors FROM cloudflux.inventories WHERE place = '$place'"), 'completed|3|3|1|0', "$name: an inventory in the bucket is read");
	is($c->value("SELECT string_agg(file_id, ',') FROM cloudflux.data_objects WHERE place = '$place' AND vanished_at IS NOT NULL"), "$name ghost",
		"$name: what it does not list is looked for in the store, unless it is younger");
	is($c->value("SELECT convert_from(cloudflux.get_object(file_id), 'UTF8') FROM cloudflux.data_objects WHERE place = '$place' AND object_key = 'data/a b+c.txt'"), 'bytes of a b+c.txt',
		"$name: the version that it tells is the one that is there");

	# It is an hour old: what changed since is not changed back, what was deleted does not come back.
	$s->write('data/changed.txt', 'other bytes now');
	my $kept = $c->value("SELECT file_id FROM cloudflux.data_objects WHERE place = '$place' AND object_key = 'data/kept.txt'");
	$c->sql("CALL cloudflux.import_inventory('$place', 'data/changed')");
	my $now = $c->value("SELECT version FROM cloudflux.data_objects WHERE place = '$place' AND object_key = 'data/changed.txt'");
	if ($name ne 'fake-gcs-server')
	{
		$c->sql("SELECT cloudflux.delete_object('$kept')");
		$c->poll("SELECT NOT EXISTS (SELECT FROM cloudflux.data_objects WHERE file_id = '$kept')", 60) or die 'a mover deletes it';
		$c->sql("CALL cloudflux.import_inventory('$place', 'data/', manifest => 'inv/manifest.json')");
		is($c->value("SELECT count(*) FROM cloudflux.data_objects WHERE place = '$place' AND object_key = 'data/kept.txt'"), 0, "$name: what was deleted since does not come back");
	}
	else
	{
		$c->sql("CALL cloudflux.import_inventory('$place', 'data/', manifest => 'inv/manifest.json')");
	}
	is($c->value("SELECT version FROM cloudflux.data_objects WHERE place = '$place' AND object_key = 'data/changed.txt'"), $now, "$name: what changed since is left as it is");

	# Logs in the same bucket, packed and not.
	my @lines = ([ 1, 'data/a b+c.txt', 18 ], [ 2, 'data/changed.txt', 5 ], [ 3, 'data/nobody.txt', 1 ]);
	my $text = $name eq 'versitygw' ? '{"Records":[' . join(',', map { $log{$name}->($s->{bucket}, @$_) } @lines) . ']}' : join('', map { $log{$name}->($s->{bucket}, @$_) } @lines);
	$s->write('logs/2024/one', $text);
	$s->write('logs/2024/two.gz', packed($text =~ s/12:00:0/12:30:0/gr =~ s/"1714564(\d)/"1714566$1/gr));
	foreach my $round (1, 2)
	{
		$c->sql("CALL cloudflux.import_access_log('$place', '$format{$name}', 'logs/', log_place => '$place')");
		is($c->sql("SELECT o.object_key, count(*), sum(l.bytes) FROM cloudflux.access_logs l JOIN cloudflux.data_objects o USING (file_id) WHERE o.place = '$place' GROUP BY 1 ORDER BY 1"),
			"data/a b+c.txt|2|36\ndata/changed.txt|2|10", "$name: its logs are read" . ($round == 1 ? '' : ', once'));
	}
	is($c->sql("SELECT logs_found, logs_known, logs_read, accepted, unknown_keys, bad FROM cloudflux.access_log_runs WHERE place = '$place' ORDER BY id"), "2|0|2|4|2|0\n2|2|0|0|0|0",
		"$name: and of what is known nothing is asked");
}

# A server that goes away in the middle is an error that names the place; the run says so, and the next call goes on.
my $s3 = $server{versitygw};
$s3->write("more/$_", '{"Records":[]}') foreach 1 .. 3;
$s3->stop;
$c->set('cloudflux.net_attempts' => 1);
$c->poll("SELECT current_setting('cloudflux.net_attempts') = '1'");
throws($c, "CALL cloudflux.import_access_log('versitygw', 'cloudtrail', 'more/', log_place => 'versitygw')", '58030', qr/versitygw/, 'a server that is gone is an I/O error');
is($c->value("SELECT status || ' ' || (message IS NOT NULL) FROM cloudflux.access_log_runs ORDER BY id DESC LIMIT 1"), 'failed true', 'which the run keeps');
like($c->value('SELECT detail FROM cloudflux.catalog_health()'), qr/1 imports of access logs failed/, 'and health() tells');
throws($c, "CALL cloudflux.import_inventory('versitygw', manifest => 'inv/manifest.json')", '58030', qr/versitygw/, 'of a manifest, too');
done_testing;
