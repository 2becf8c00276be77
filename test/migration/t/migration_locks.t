# A mover waits for nobody: rows that a session has locked in an open transaction hold up their own jobs only.
use CloudFlux::Test;

my $c = cluster('locks', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_retry_delay' => '50ms');
my %root = map { $_ => $c->place($_) } qw(a b);
$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$root{$_}')") foreach sort keys %root;
$c->write("a/$_", $_ x 1000) foreach qw(one two three four);
$c->sql("CALL cloudflux.import_inventory('a')");

# An object's row, as of a long ETL transaction.
my $etl = $c->session;
$etl->query(q{BEGIN; UPDATE cloudflux.data_objects SET metadata = '{"seen": true}' WHERE object_key = 'one'});
$c->sql(q{SELECT cloudflux.migrate_bulk(ARRAY(SELECT file_id FROM cloudflux.data_objects WHERE object_key IN ('one', 'two')), 'b', delete_source => true)});
ok($c->poll("SELECT place = 'b' FROM cloudflux.data_objects WHERE object_key = 'two'"), 'a locked object does not hold up another one of the batch');
is($c->value("SELECT phase || ' ' || attempt FROM cloudflux.migration_progress JOIN cloudflux.data_objects USING (file_id) WHERE object_key = 'one'"),
	'verifying 0', 'its own job waits, and no attempt is counted');
my $mover = $c->value("SELECT pid FROM cloudflux.workers WHERE worker = 'mover'");
$c->sql("SELECT pg_terminate_backend($mover)");
ok($c->poll("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $mover)", 10), 'the mover can be terminated meanwhile');
$etl->query('COMMIT');
ok($c->poll("SELECT place = 'b' AND metadata = '{\"seen\": true}' FROM cloudflux.data_objects WHERE object_key = 'one'"), 'after the commit the object arrives');

# A deletion ends when the object's row is free; the mover goes on meanwhile.
$c->write("a/$_", $_) foreach qw(gone stays);
$c->sql("CALL cloudflux.import_inventory('a')");
$etl->query(q{BEGIN; UPDATE cloudflux.data_objects SET metadata = '{"seen": true}' WHERE object_key = 'gone'});
$c->sql(q{SELECT cloudflux.delete_object(file_id, NULL) FROM cloudflux.data_objects WHERE object_key = 'gone'});
$c->sql(q{SELECT cloudflux.migrate(file_id, 'b', delete_source => true) FROM cloudflux.data_objects WHERE object_key = 'stays'});
ok($c->poll("SELECT place = 'b' FROM cloudflux.data_objects WHERE object_key = 'stays'"), 'a deletion whose object is locked does not hold up another job');
$etl->query('COMMIT');
ok($c->poll("SELECT NOT EXISTS (SELECT FROM cloudflux.data_objects WHERE object_key = 'gone')"), 'it ends when the transaction is over');

# A row of the queue, as of somebody who asked for something and did not commit.
$c->sql("ALTER SERVER a OPTIONS (ADD bandwidth_limit '200')");
my $asker = $c->session;
$c->sql(q{SELECT cloudflux.migrate_bulk(ARRAY(SELECT file_id FROM cloudflux.data_objects WHERE place = 'a' ORDER BY object_key DESC), 'b')});
ok($c->poll("SELECT count(*) = 2 FROM cloudflux.migration_progress WHERE claimed_by IS NOT NULL"), 'a mover has two jobs');
$asker->query(q{BEGIN; SELECT cloudflux.pause_migration(job_id) FROM cloudflux.migration_progress WHERE file_name = 'three'});
$c->sql("ALTER SERVER a OPTIONS (DROP bandwidth_limit)");
ok($c->poll("SELECT place = 'b' FROM cloudflux.data_objects WHERE object_key = 'four'"), 'a job whose row is locked does not hold up another one of the batch');
$asker->query('ROLLBACK');
ok($c->poll("SELECT place = 'b' FROM cloudflux.data_objects WHERE object_key = 'three'"), 'it arrives when the request was rolled back');
is($c->value("SELECT count(*) FROM cloudflux.migration_jobs WHERE status <> 'completed'"), 0, 'no job failed');
done_testing();
