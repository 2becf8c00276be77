# A copy of a database on the same server does not touch the places of the original until somebody says so.
use CloudFlux::Test;

my $c = cluster('copies', 'cloudflux.databases' => 'postgres');
my %root = map { $_ => $c->place($_) } qw(a b);
$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$root{$_}')") foreach sort keys %root;
$c->write('a/one', 'bytes of one');
$c->sql(q{CALL cloudflux.import_inventory('a')});

# The job waits for a later day, so that the copy has it too.
$c->sql(q{SELECT cloudflux.migrate(file_id, 'b', delete_source => true, not_before => now() + interval '1 hour') FROM cloudflux.data_objects});
$c->sql('CREATE DATABASE twin TEMPLATE postgres', db => 'template1');
my $move = 'UPDATE cloudflux.job_queue SET not_before = NULL';
my $e = $c->error(q{SELECT * FROM cloudflux.stat_object('a', 'one')}, db => 'twin');
is($e->{sqlstate}, '55000', 'the copy refuses the place');
like($e->{message}, qr/place "a" belongs to database "postgres"/, 'and says whose it is');
like($e->{hint}, qr/adopt_storage\('a'\)/, 'and what to do');
$c->sql("$move; CALL cloudflux.run_migrations()", db => 'twin');
is($c->read('a/one'), 'bytes of one', 'a job in the copy moves nothing');
is($c->value('SELECT error_sqlstate FROM cloudflux.migration_jobs', db => 'twin'), '55000', 'and tells why');
is($c->value(q{SELECT size_bytes FROM cloudflux.stat_object('a', 'one')}), 12, 'the original works as before');

$c->sql(q{SELECT cloudflux.adopt_storage(place) FROM cloudflux.places}, db => 'twin');
is($c->value(q{SELECT size_bytes FROM cloudflux.stat_object('a', 'one')}, db => 'twin'), 12, 'the copy works once it has adopted the place');

# A database whose original is gone, as after a rename or a restore, needs nobody's word.
$c->sql('CREATE DATABASE moved TEMPLATE postgres', db => 'template1');
$c->sql('DROP EXTENSION cloudflux CASCADE');
ok($c->poll('SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()', 30), 'nobody is left in the original');
$c->sql('CREATE DATABASE away TEMPLATE moved', db => 'template1');
$c->sql('DROP DATABASE moved', db => 'template1');
throws($c, q{SELECT * FROM cloudflux.stat_object('a', 'one')}, '55000', qr/postgres/, 'a copy of a copy remembers the original', db => 'away');
$c->sql(q{UPDATE cloudflux.places SET home = (pg_control_system()).system_identifier || '/4294967295'}, db => 'away');
is($c->value(q{SELECT size_bytes FROM cloudflux.stat_object('a', 'one')}, db => 'away'), 12, 'an original that is gone is in nobody\'s way');
done_testing;
