# schedule_jobs() puts the chores on pg_cron, twice does it once, and says exactly what is missing when it cannot.
use FindBin;
use lib "$FindBin::Bin/../../harness";
use CloudFlux::Test;

my $plain = cluster('plain');
if ($plain->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'") eq '0')
{
	throws($plain, 'SELECT cloudflux.schedule_jobs()', '0A000', qr/keeper already runs.*apt-get install postgresql-\d+-cron/s,
		'without pg_cron the error names the package, and the keeper');
	$plain->stop;
	done_testing;
	exit 0;
}
throws($plain, 'SELECT cloudflux.schedule_jobs()', '55000', qr/not preloaded.*keeper already runs.*shared_preload_libraries/s,
	'pg_cron on disk only: the error names shared_preload_libraries, and the keeper');
$plain->stop;

my $c = cluster('cron', shared_preload_libraries => 'pg_cron,cloudflux', 'cron.database_name' => 'postgres', 'cron.use_background_workers' => 'on');
throws($c, 'SELECT cloudflux.schedule_jobs()', '55000', qr/CREATE EXTENSION pg_cron/, 'pg_cron preloaded but not created: the error says so');
$c->sql('CREATE DATABASE other');
$c->sql('CREATE EXTENSION cloudflux', db => 'other');
throws($c, 'SELECT cloudflux.schedule_jobs()', '55000', qr/works in database "postgres".*statement/s, 'pg_cron elsewhere: the error says where to run what', db => 'other');
$c->sql('CREATE EXTENSION pg_cron');

my $wanted = $c->value('SELECT count(*) FROM cloudflux.cron_jobs()');
ok($wanted >= 5, 'every chore has its job');
is($c->value('SELECT count(*) FROM cloudflux.schedule_jobs() WHERE job_id IS NOT NULL'), $wanted, 'schedule_jobs() returns each job with its number');
my $jobs = "SELECT string_agg(jobid || jobname || schedule || command, ';' ORDER BY jobname) FROM cron.job";
my $first = $c->value($jobs);
$c->sql('SELECT cloudflux.schedule_jobs()');
is($c->value($jobs), $first, 'scheduling again changes nothing');
is($c->value("SELECT schedule FROM cron.job WHERE jobname = 'cloudflux_classify_objects' AND command = \$\$CALL cloudflux.run_chores('classify_objects')\$\$ AND active") =~ /^\d+ \* \* \* \*$/ ? 1 : 0,
	1, 'classification is hourly');
$c->sql("INSERT INTO cloudflux.chore_settings (chore_name, enabled) VALUES ('classify_objects', false)");
$c->sql('SELECT cloudflux.schedule_jobs()');
is($c->value("SELECT count(*) FROM cron.job WHERE jobname = 'cloudflux_classify_objects'"), 0, 'a chore that was switched off leaves the schedule');
$c->sql("SELECT cron.schedule('mine', '0 0 1 1 *', 'SELECT 1')");

# The statements for another database work where pg_cron is.
my $statements = $c->value('SELECT string_agg(statement, chr(10)) FROM cloudflux.cron_jobs()', db => 'other');
$c->sql($statements);
ok($c->value("SELECT count(*) FROM cron.job WHERE database = 'other' AND jobname LIKE 'cloudflux_%_other'") >= 5, 'jobs of another database by its statements');

if ($ENV{CF_LONG})
{
	ok($c->poll("SELECT EXISTS (SELECT FROM cron.job_run_details d JOIN cron.job j USING (jobid) WHERE j.jobname = 'cloudflux_fold_accesses' AND d.status = 'succeeded')", 150),
		'pg_cron ran a chore') or diag $c->value('SELECT string_agg(d::text, chr(10)) FROM cron.job_run_details d');
}

is($c->value('SELECT count(*) FROM cloudflux.unschedule_jobs()'), $wanted - 1, 'unschedule_jobs() returns what it took away');
is($c->value("SELECT string_agg(jobname, ',') FROM cron.job WHERE database = 'postgres'"), 'mine', 'jobs of others stay');
done_testing;
