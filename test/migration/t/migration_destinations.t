# What may be a destination, said when a job is submitted; and what a submission of many rows costs.
use CloudFlux::Test;
use CloudFlux::Servers;

my $c = cluster('destinations', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_retry_delay' => '10ms');
open_clouds($c);
my $s3 = server('peer-s3');
$s3->place($c, 'remote');
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
$c->write("local/o$_", "bytes of $_") foreach 1 .. 100;
$c->sql("CALL cloudflux.import_inventory('local')");
my $one = "(SELECT file_id FROM cloudflux.data_objects WHERE object_key = 'o1')";

# Nobody has seen yet that the store refuses to overwrite.
throws($c, "SELECT cloudflux.migrate($one, 'remote')", '55000', qr/cannot be a destination before it was checked.*never seen.*check_storage\(\)/s,
	'a remote place that was never checked is no destination: the submission says so, and what to do');
my $plan = $c->value("SELECT cloudflux.plan_migration('remote', must_pay => false)");
is($c->value("SELECT count(*) FROM cloudflux.plan_items WHERE plan_id = $plan AND refused ~ 'before it was checked'"), 100, 'a plan says it of every object');
$c->sql("ALTER SERVER remote OPTIONS (ADD accept_unconditional_create 'true')");
like($c->log_since, qr/place "remote" accepts creates that its store does not make conditional/, 'who accepts the risk is named in the log');
my $job = $c->value("SELECT cloudflux.migrate($one, 'remote')");
$c->sql("ALTER SERVER remote OPTIONS (DROP accept_unconditional_create)");
$c->sql('CALL cloudflux.run_migrations()');
is($c->value("SELECT status || ': ' || error_sqlstate FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'failed: 55000', 'a mover looks again: the risk is not accepted any more');

# One that overwrites is none, however often it is checked.
$s3->place($c, 'lenient', bucket => 'objects-two', options => { preset => 'wasabi' });
$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach qw(remote lenient);
throws($c, "SELECT cloudflux.migrate($one, 'lenient')", '0A000', qr/does not refuse to overwrite.*accept_unconditional_create/s, 'a place that overwrites is refused when a job is submitted');
$s3->log;

# A hundred rows open each place once; the fault would meet the second opening.
$c->sql(q{SET cloudflux.fault = 'remote_place_opened:2:error'; SELECT count(*) FROM cloudflux.data_objects, cloudflux.migrate(file_id, 'remote') WHERE place = 'local'});
is($c->value(q{SELECT count(*) FROM cloudflux.job_queue}), 100, 'a statement that submits a hundred jobs opens a remote place once');
$c->sql('SELECT count(cloudflux.cancel_migration(job_id)) FROM cloudflux.job_queue');
sub object { return "(SELECT file_id FROM cloudflux.data_objects WHERE object_key = 'o$_[0]')" }
throws($c, "SET cloudflux.fault = 'remote_place_opened:2:error';\nSELECT cloudflux.migrate(" . object(2) . ", 'remote');\nSELECT cloudflux.migrate(" . object(3) . ", 'remote')", '58030', qr/remote_place_opened/, 'the next statement opens it again');
is($c->sql('DO $$ BEGIN
		PERFORM cloudflux.migrate(' . object(4) . q{, 'remote');
		ALTER SERVER remote OPTIONS (ADD requests_per_second '1000');
		BEGIN
			EXECUTE $x$SET LOCAL cloudflux.fault = 'remote_place_opened:1:error'$x$;
			PERFORM cloudflux.migrate(} . object(5) . q{, 'remote');
			RAISE EXCEPTION 'it was not opened again';
		EXCEPTION WHEN io_error THEN NULL;
		END;
	END $$}), '', 'a place that is altered in the middle of a statement is opened again');
is(scalar $s3->log, 0, 'no submission asks a store anything');
done_testing;
