# A store that ignores the condition of a DELETE: check_storage() sees it, sources are kept; but a bucket that keeps versions loses nothing,
# so there they are deleted all the same.
use CloudFlux::Test;
use CloudFlux::Servers;

my $c = cluster('versions', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_retry_delay' => '10ms');
open_clouds($c);
my $s3 = server('peer-s3');
$s3->post('/_peer/settings', { delete_conditions => JSON::PP::false });
$s3->post('/_peer/buckets', { name => 'objects-two', versioned => JSON::PP::true });
$s3->place($c, 'plain');
$s3->place($c, 'versioned', bucket => 'objects-two');
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
my %check;
foreach my $place (qw(plain versioned))
{
	is($c->value("SELECT ok FROM cloudflux.check_storage('$place') WHERE check_name = 'conditional delete'"), 'f', "$place: the store is seen to ignore the condition");
	$s3->write('source', "bytes of $place", $place eq 'plain' ? 'objects' : 'objects-two');
	$c->sql("CALL cloudflux.import_inventory('$place', 'source')");
}
is($c->sql("SELECT place, capabilities->>'versioned delete' FROM cloudflux.places WHERE place <> 'local' ORDER BY 1"), "plain|false\nversioned|true", 'where versions are kept, that is found out');

sub move
{
	my ($place) = @_;
	my $job = $c->value("SELECT cloudflux.migrate(file_id, 'local', dest_key => '$place', delete_source => true) FROM cloudflux.data_objects WHERE place = '$place'");
	$c->sql('CALL cloudflux.run_migrations()');
	return $c->sql("SELECT status, phase, source_kept FROM cloudflux.migration_jobs WHERE job_id = '$job'");
}
like(move('plain'), qr/^completed\|done\|.*does not honour conditions of a delete/, 'without versions the source is kept, with the reason');
is($s3->read('source', 'objects'), 'bytes of plain', 'it is there');
$s3->log;
is(move('versioned'), 'completed|done|', 'with versions it is deleted');
is($s3->read('source', 'objects-two'), undef, 'it is gone');
my @deletes = grep { $_->{method} eq 'DELETE' } $s3->log;
is_deeply([ map { $_->{query} } @deletes ], [ '' ], 'by a marker: no version was destroyed');
is($c->read('local/versioned'), 'bytes of versioned', 'its copy has the bytes');
done_testing;
