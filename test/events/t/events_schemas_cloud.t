# What is in Kafka follows the schemas of docs/schemas: every type that cloudflux emits is made to happen, consumed, and held
# against its schema by a validator that is not ours.
use CloudFlux::Kafka;
use CloudFlux::Test;
use File::Basename;

my $kafka = broker();
my $c = cluster('schemas', 'cloudflux.kafka_brokers' => $kafka->{endpoint}, 'cloudflux.migration_workers' => 0, 'cloudflux.migration_attempts' => 1);
$c->sql('SELECT count(*) FROM cloudflux.create_topics()');
ok($c->poll("SELECT bool_and(state = 'present') FROM cloudflux.topic_requests"), 'topics are made');

$c->place($_) foreach qw(fast slow);
my $root = dirname($c->place('fast'));
$c->write("fast/a/$_.txt", "object $_\n") foreach 1 .. 8;
$c->sql(<<"SQL");
	SELECT cloudflux.add_storage('fast', 'LOCAL', '$root/fast', '{"price_provider": "AWS", "price_region": "us-east-1", "storage_class": "STANDARD"}');
	SELECT cloudflux.add_storage('slow', 'LOCAL', '$root/slow');
	CALL cloudflux.import_inventory('fast');
	INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('slow', 'Schlüssel "in" \\ Anführung', 7);
	INSERT INTO cloudflux.data_objects (file_name, size_gb, storage_location) VALUES ('catalogued only', 1.5, 's3://elsewhere/x');
	INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) SELECT 'slow', 'many/' || i, i FROM generate_series(1, 5000) i;
	UPDATE cloudflux.data_objects SET metadata = metadata || '{"a": 1}', size_bytes = size_bytes + 1 WHERE object_key LIKE 'many/%';
	DELETE FROM cloudflux.data_objects WHERE object_key LIKE 'many/1%';
	DELETE FROM cloudflux.data_objects WHERE file_name = 'catalogued only';
	SELECT count(*) FROM cloudflux.classify_objects();
	SELECT cloudflux.roll_up_costs();
	INSERT INTO cloudflux.user_policies (policy_name, policy_type, conditions, actions) VALUES ('told', 'cost_limit', '{"monthly_limit": 0, "place": "fast"}', '{"alert": true}');
	SELECT cloudflux.refresh_monthly_costs(), cloudflux.watch_budgets();
	UPDATE cloudflux.user_policies SET conditions = '{"monthly_limit": 1000}' WHERE policy_name = 'told';
	SELECT cloudflux.watch_budgets();
	INSERT INTO cloudflux.models (id, model_name, version, kind, parameters, features, seed, period_start, period_end, judged_on, row_count, fingerprint, size_bytes, trained_ms)
	VALUES (1, 'accesses', 1, 'forest', '{}', '{}', 1, current_date - 30, current_date - 20, current_date - 20, 1, 1, 1, 1);
	INSERT INTO cloudflux.ml_predictions (file_id, prediction_date, horizon_days, predicted_accesses, recommended_tier, tier_probabilities, model_id, came_accesses, came_tier)
	SELECT 'predicted-' || i, current_date - 10, 7, 0, 'COLD', '{0.1,0.1,0.8}', 1, i, 'HOT' FROM generate_series(1, 1000) i;
	INSERT INTO cloudflux.prediction_runs (prediction_date, model_id, predicted, kept, floored, run_ms) VALUES (current_date - 10, 1, 0, 1000, 0, 1);
	SELECT cloudflux.measure_predictions();
	SELECT cloudflux.add_storage('priced', 'AWS', 'some-bucket', '{"region": "us-east-1"}');
	INSERT INTO cloudflux.access_coverage (place, day) SELECT 'priced', current_date - d FROM generate_series(0, 300) d;
	INSERT INTO cloudflux.data_objects (place, object_key, size_bytes, storage_class, created_at) VALUES ('priced', 'idle', 1073741824000, 'STANDARD', now() - interval '200 days');
	SELECT count(*) FROM cloudflux.recommend_objects();
SQL
sub job { my ($n, $more) = @_; return $c->value("SELECT cloudflux.migrate((SELECT file_id FROM cloudflux.data_objects WHERE object_key = 'a/$n.txt'), 'slow'$more)") }
job(1, ', delete_source => true');
my $back = job(2, ", delete_source => true, grace => '1 day'");
$c->sql("SELECT cloudflux.cancel_migration('" . job(3, '') . "')");
$c->write('slow/a/4.txt', 'in the way');
job(4, '');
$c->sql('CALL cloudflux.run_migrations()');
$c->sql("SELECT cloudflux.rollback_migration('$back')");
$c->sql('CALL cloudflux.run_migrations()');
$c->sql("SELECT cloudflux.delete_object(file_id) FROM cloudflux.data_objects WHERE object_key = 'a/5.txt'");
$c->sql('CALL cloudflux.run_migrations()');
$c->sql("CALL cloudflux.generate_events(1000, '0.3 s', '$_')") foreach qw(objects sensors);
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.unpublished_events()', 60), 'all is published') or diag($c->log_tail);

my @all = map { $kafka->lines($_) } grep { $_ ne 'cloudflux-progress' } $kafka->topics;
is(scalar @all, $c->value('SELECT count(*) FROM cloudflux.events'), 'every event of the table is in Kafka');
my ($in, $out, $err) = (join("\n", @all) . "\n", '', '');
my $good = IPC::Run::run([ '/usr/bin/python3', 'test/events/data/validate.py', 'docs/schemas' ], '<', \$in, '>', \$out, '2>', \$err);
ok($good, 'and follows its schema') or diag($err);
my %seen = map { split / / } split /\n/, $out;
my %known = map { basename($_) =~ /^(.*)\.\d+\.json$/ ? ($1 => 1) : () } grep { !/envelope/ } glob 'docs/schemas/*.json';
is_deeply([ grep { !$seen{$_} } sort keys %known ], [], 'every type that has a schema was seen') or diag($c->sql("SELECT status, phase, error_message FROM cloudflux.migration_jobs ORDER BY id"));
my $docs = $c->_slurp('docs/events.md');
is_deeply([ grep { $docs !~ /`\Q$_\E`/ } sort keys %known ], [], 'and is told in docs/events.md');
my ($odd) = map { /"object_key": "(Schl[^,]*)",/ ? $1 : () } @all;
is($odd, 'Schlüssel \"in\" \\\\ Anführung', 'odd keys come through');
done_testing;
