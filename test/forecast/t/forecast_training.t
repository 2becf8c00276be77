# A training is seen from other sessions and ends when it is cancelled; the chore trains in the background; models survive a dump; a standby predicts.
use strict;
use warnings;
use File::Basename;
use IPC::Run ();
use CloudFlux::Test;

my $c = cluster('training', wal_level => 'replica', max_wal_senders => 4);
# Chores run when this test calls them.
$c->sql("INSERT INTO cloudflux.chore_settings (chore_name, enabled) SELECT chore_name, false FROM cloudflux.chores WHERE room = 'forecast'");
$c->sql(<<'SQL');
INSERT INTO cloudflux.data_objects (file_id, size_bytes, content_type, created_at)
SELECT 'o' || i, 1000 * i, 'text/csv', now() - interval '200 days' FROM generate_series(1, 1500) i;
INSERT INTO cloudflux.access_daily (file_id, day, reads, last_at)
SELECT 'o' || i, (now() AT TIME ZONE 'UTC')::date - ago, 1 + (hashtextextended(i || ' ' || ago, 1) & 3), now() - ago * interval '1 day'
  FROM generate_series(1, 1500) i, generate_series(1, 60) ago WHERE i % 3 = 0 AND (hashtextextended(i || ' ' || ago, 0) & 3) > 0;
SQL

# Progress, and a cancel in the middle
my $long = $c->session;
$long->send(q{SELECT cloudflux.train_model(parameters => '{"trees": 2000, "max_depth": 60, "min_leaf_rows": 1}', model_name => 'long')});
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.training_progress WHERE model_name = 'long' AND phase LIKE 'growing%' AND total = 2000 AND done > 0 AND percent BETWEEN 0 AND 100", 60),
	'how many trees are grown is seen from another session');
is($c->value('SELECT pid FROM cloudflux.training_progress'), $long->pid, 'with the process that grows them');
$c->sql('SELECT pg_cancel_backend(pid) FROM cloudflux.training_progress');
$long->finish;
like($long->{error}, qr/canceling statement/, 'a cancel ends it');
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.training_progress', 30), 'and its progress is gone');
is($c->value('SELECT count(*) FROM cloudflux.models'), 0, 'nothing of it is left');

# In the background
$c->sql(q{SELECT cloudflux.submit_training(weeks => 2, parameters => '{"trees": 20}', promote => true)});
$c->sql(q{CALL cloudflux.run_chores('train_models')});
is($c->value(q{SELECT status || ' ' || promoted FROM cloudflux.training_jobs}), 'done true', 'the chore trains and promotes a model')
  or diag($c->value("SELECT string_agg(concat_ws(' ', status, detail), ', ') FROM cloudflux.training_jobs"));
is($c->value('SELECT trained_by FROM cloudflux.models'), 'cloudflux_worker', 'as the role of workers');
$c->sql(q{SELECT cloudflux.submit_training(parameters => '{"trees": 2000, "max_depth": 60, "min_leaf_rows": 1}', budget => '300 milliseconds')});
$c->sql(q{CALL cloudflux.run_chores('train_models')});
like($c->value('SELECT detail FROM cloudflux.training_jobs ORDER BY id DESC LIMIT 1'), qr/^its budget of .* was used up$/, 'a training that takes longer than its budget ends');
is($c->value(q{SELECT status FROM cloudflux.chore_runs WHERE chore_name = 'train_models' ORDER BY id DESC LIMIT 1}), 'ok', 'and the chore itself has not failed');
is($c->value('SELECT 1'), 1, 'the server goes on');
$c->sql(q{CALL cloudflux.run_chores('predict_objects')});
is($c->value('SELECT count(*) FROM cloudflux.expected_accesses'), 1500, 'the chore predicts all objects');

# Predictions of nine days ago are over: what came is measured; and the model is older than it should be
$c->sql(q{UPDATE cloudflux.ml_predictions SET prediction_date = prediction_date - 9, created_at = created_at - interval '9 days'});
$c->sql(q{UPDATE cloudflux.prediction_runs SET prediction_date = prediction_date - 9});
$c->sql(q{CALL cloudflux.run_chores('measure_predictions')});
is($c->value("SELECT objects FROM cloudflux.prediction_accuracy WHERE method = 'served'"), 1500, 'the chore measures what was predicted');
$c->sql(q{UPDATE cloudflux.models SET created_at = created_at - interval '60 days'});
$c->sql(q{UPDATE cloudflux.training_jobs SET requested_at = requested_at - interval '60 days'});
$c->sql(q{CALL cloudflux.run_chores('check_models')});
is($c->value("SELECT reason || ' ' || status FROM cloudflux.training_jobs ORDER BY id DESC LIMIT 1"), 'due waiting', 'the chore asks for a new model where the old one is due');
$c->sql(q{UPDATE cloudflux.training_jobs SET parameters = parameters || '{"trees": 5}', search = true, weeks = 1, budget = '1 hour' WHERE status = 'waiting'});
$c->sql(q{CALL cloudflux.run_chores('train_models')});
is($c->value('SELECT concat_ws(\' \', status, model_id IS NOT NULL, promoted IS NOT NULL, (SELECT count(*) > 0 FROM cloudflux.model_trials)) FROM cloudflux.training_jobs ORDER BY id DESC LIMIT 1'),
	'done t t t', 'it is trained, after a search of parameters') or diag($c->value('SELECT detail FROM cloudflux.training_jobs ORDER BY id DESC LIMIT 1'));
is($c->value("SELECT count(*) FROM cloudflux.chore_runs r JOIN cloudflux.chores c ON c.chore_name = r.chore_name WHERE c.room = 'forecast' AND r.status = 'failed'"), 0, 'no chore of forecasting has failed')
  or diag($c->value("SELECT string_agg(chore_name || ': ' || detail, ', ') FROM cloudflux.chore_runs WHERE status = 'failed'"));
$c->sql(q{CALL cloudflux.run_chores('predict_objects')});

# Dump and restore: the same bytes, the same words, and numbers go on
my $folder = dirname(dirname($c->data));
my @at = ('-h', $c->socket, '-U', 'postgres');
$c->sql('CREATE DATABASE again');
foreach my $command ([ $c->bin . '/pg_dump', @at, '-Fc', '-f', "$folder/models.dump", 'postgres' ], [ $c->bin . '/pg_restore', @at, '--exit-on-error', '-d', 'again', "$folder/models.dump" ])
{
	my ($told, $wrong) = ('', '');
	IPC::Run::run($command, '<', \undef, '>', \$told, '2>', \$wrong);
	is($? >> 8, 0, basename($command->[0]) . ' of a database with models') or diag($wrong);
}
foreach my $query ("SELECT md5(string_agg(md5(weights), ',' ORDER BY model_id, part)) FROM cloudflux.model_parts",
	'SELECT string_agg(m::text, E\'\n\' ORDER BY id) FROM cloudflux.models m',
	"SELECT string_agg(x::text, E'\n' ORDER BY model_id, day, method) FROM cloudflux.model_metrics x",
	"SELECT string_agg(x::text, E'\n' ORDER BY id) FROM cloudflux.training_jobs x",
	"SELECT string_agg(x::text, E'\n' ORDER BY model_id, day, method) FROM cloudflux.prediction_accuracy x",
	"SELECT string_agg(x::text, E'\n' ORDER BY id) FROM cloudflux.model_trials x",
	"SELECT md5(string_agg(x::text, E'\n' ORDER BY model_id, feature_no)) FROM cloudflux.model_profiles x",
	"SELECT explanation FROM cloudflux.predict('o3')")
{
	is($c->value($query, db => 'again'), $c->value($query), "restored: $query");
}
$c->sql(q{DELETE FROM cloudflux.ml_predictions}, db => 'again');
like($c->value(q{SELECT explanation FROM cloudflux.predict('o3')}, db => 'again'), qr/^Model "accesses" version \d \(forest\), asked now: /, 'restored: the model answers');
is($c->value(q{SELECT cloudflux.train_model(weeks => 1, parameters => '{"trees": 2}') > (SELECT max(model_id) FROM cloudflux.training_jobs)}, db => 'again'), 't', 'restored: numbers of models go on');

# A standby
my $s = $c->standby('training_standby');
my $lsn = $c->value('SELECT pg_current_wal_lsn()');
ok($s->poll("SELECT pg_last_wal_replay_lsn() >= '$lsn'", 60), 'the standby has followed');
is($s->value(q{SELECT explanation FROM cloudflux.predict('o3')}), $c->value(q{SELECT explanation FROM cloudflux.predict('o3')}), 'a standby says the same of an object');
is($s->value('SELECT count(*) FROM cloudflux.expected_accesses'), 1500, 'and of all');
is($s->value(q{SELECT count(*) FROM cloudflux.forecast_accesses('o3', 7)}), 7, 'and forecasts its days');
$c->sql(q{DELETE FROM cloudflux.ml_predictions WHERE file_id = 'o6'});
$lsn = $c->value('SELECT pg_current_wal_lsn()');
ok($s->poll("SELECT pg_last_wal_replay_lsn() >= '$lsn'", 60), 'the standby has followed again');
like($s->value(q{SELECT explanation FROM cloudflux.predict('o6')}), qr/, asked now: /, 'where nothing is kept ready the model answers there, too');
like($s->error('SELECT cloudflux.predict_objects()')->{message}, qr/predictions of all objects cannot be written on a standby/, 'to write predictions is refused');
like($s->error('SELECT cloudflux.train_model()')->{message}, qr/a model cannot be trained in a read-only transaction/, 'so is training, before it has begun');
done_testing;
