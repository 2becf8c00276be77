# Users pay for every request: how many a move takes, of which kind, counted by stores that keep a log. How long a source that was read at
# once needs no second look goes by the lease: a long one, so that no machine is too slow.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $c = cluster('requests', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_retry_delay' => '10ms', 'cloudflux.migration_lease_sec' => 3600);
open_clouds($c);
my %peer = map { $_ => server("peer-$_") } qw(s3 azure gcs);
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
foreach my $kind (sort keys %peer)
{
	$peer{$kind}->place($c, $kind);
	$peer{$kind}->place($c, "${kind}_two", bucket => 'objects-two');
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach $kind, "${kind}_two";
}

# asked sums up what a peer was asked: "METHOD parameters status" and how often. A token is had once an hour, and is nobody's.
sub asked
{
	my %count;
	foreach my $r ($_[0]->log)
	{
		next if $r->{path} =~ /token/;
		my $keys = join ',', grep { /^(uploads|uploadId|partNumber|comp|blockid|versionId|uploadType|alt)$/ } map { s/=.*//r } split /&/, $r->{query} // '';
		my $what = join ' ', $r->{method}, ($r->{path} =~ m{(compose|rewriteTo|copyTo)} ? $1 : ()), ($keys ? "?$keys" : ()), $r->{status} >= 400 ? $r->{status} : ();
		$count{$what}++;
	}
	return \%count;
}

# moved tells what a move asked of the peers, "kind METHOD …" => how often.
sub moved
{
	my ($from, $to, $key, $size, %how) = @_;
	if ($from eq 'local') { $c->write("local/$key", 'x' x $size) }
	else { $peer{ $from =~ s/_two//r }->write($key, 'x' x $size, $from =~ /_two/ ? 'objects-two' : 'objects') }
	$c->sql("CALL cloudflux.import_inventory('$from', '$key')");
	$_->log foreach values %peer;
	my $with = join '', map { ", $_ => $how{$_}" } sort keys %how;
	my $job = $c->value("SELECT cloudflux.migrate(file_id, '$to'$with) FROM cloudflux.data_objects WHERE place = '$from' AND object_key = '$key'");
	$c->sql('CALL cloudflux.run_migrations()');
	is($c->value("SELECT status || ' ' || phase FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed done', "$from to $to: $key") or diag($c->log_tail);
	my %all;
	foreach my $kind (keys %peer)
	{
		my $asked = asked($peer{$kind});
		$all{"$kind $_"} = $asked->{$_} foreach keys %$asked;
	}
	return \%all;
}

# What one move takes. An object of one request is created by one, and its answer proves the copy. Parts cost two looks (is somebody
# there, what has become of it) and a list of the parts. A source that comes in one piece is looked at by who reads it, of GCS before; one that
# comes in several, or that the store copies, is looked at before and after. S3 needs one look more before a delete, since its condition
# does not tell a rewrite of equal bytes. GCS removes the pieces of a composed object.
my %takes = (
	azure => {
		'to small' => { PUT => 1 },
		'from small' => { GET => 1, DELETE => 1 },
		'to parts' => { 'HEAD 404' => 1, 'PUT ?comp,blockid' => 3, 'GET ?comp' => 1, 'PUT ?comp' => 1, HEAD => 1 },
		'from parts' => { HEAD => 2, GET => 5, DELETE => 1 },
		copy => { HEAD => 3, PUT => 1, DELETE => 1 } },
	gcs => {
		'to small' => { 'POST ?uploadType' => 1 },
		'from small' => { GET => 1, 'GET ?alt' => 1, DELETE => 1 },
		'to parts' => { 'GET 404' => 1, 'POST ?uploadType' => 3, GET => 2, 'POST compose' => 1, DELETE => 3 },
		'from parts' => { GET => 2, 'GET ?alt' => 3, DELETE => 1 },
		copy => { GET => 2, 'POST rewriteTo' => 1, DELETE => 1 } },
	s3 => {
		'to small' => { PUT => 1 },
		'from small' => { HEAD => 1, GET => 1, DELETE => 1 },
		'to parts' => { 'HEAD 404' => 1, 'POST ?uploads' => 1, 'PUT ?partNumber,uploadId' => 3, 'GET ?uploadId' => 1, 'POST ?uploadId' => 1, HEAD => 1 },
		'from parts' => { HEAD => 3, GET => 3, DELETE => 1 },
		copy => { HEAD => 3, PUT => 1, DELETE => 1 } },
);
foreach my $kind (sort keys %takes)
{
	my $expect = sub { my %of = %{ $takes{$kind}{ $_[0] } }; return { map { ("$kind $_" => $of{$_}) } keys %of } };
	foreach my $case ([ small => 1000 ], [ parts => 20 * $MiB ])
	{
		my ($name, $size) = @$case;
		is_deeply(moved('local', $kind, "$kind-to-$name", $size), $expect->("to $name"), "requests of a move to $kind, $name");
		is_deeply(moved($kind, 'local', "$kind-from-$name", $size, delete_source => 'true'), $expect->("from $name"), "requests of a move from $kind, $name, source deleted");
	}
	is_deeply(moved($kind, "${kind}_two", "$kind-copied", 1000, delete_source => 'true'), $expect->('copy'), "requests of a copy that $kind makes by itself, source deleted");
}

# Many at once, some of them switched while the sources of others are being deleted: nothing is asked twice, nothing in vain.
foreach my $way ([ azure => 's3' ], [ s3 => 'gcs' ], [ gcs => 'azure' ])
{
	my ($from, $to) = @$way;
	$peer{$from}->post('/_peer/object', { bucket => 'objects', key => "herd/$_", text => 'y' x $_ }) foreach 1 .. 100;
	$c->sql("CALL cloudflux.import_inventory('$from', 'herd/')");
	$_->log foreach values %peer;
	$c->sql("SELECT count(*) FROM cloudflux.data_objects, cloudflux.migrate(file_id, '$to', delete_source => true) WHERE place = '$from' AND object_key LIKE 'herd/%'");
	$c->sql('CALL cloudflux.run_migrations()');
	my ($asked, %took) = asked($peer{$from});
	$took{$_} = 100 * $takes{$from}{'from small'}{$_} foreach keys %{ $takes{$from}{'from small'} };
	is_deeply($asked, \%took, "$from to $to, a hundred at once: of the source exactly a hundred times what one takes");
	my ($create) = keys %{ $takes{$to}{'to small'} };
	is_deeply(asked($peer{$to}), { $create => 100 }, "$from to $to: and a hundred creates at the destination");
	$c->sql("SELECT count(*) FROM cloudflux.data_objects, cloudflux.delete_object(file_id) WHERE object_key LIKE 'herd/%'");
	$c->sql('CALL cloudflux.run_migrations()');
}
done_testing;
