# A position is continued by the database that it belongs to, and by nobody else: promotion, zombie, backup, dump; against a real broker.
use CloudFlux::Kafka;
use CloudFlux::Test;

my $kafka = broker();
my %setting = ('cloudflux.kafka_brokers' => $kafka->{endpoint}, 'cloudflux.kafka_linger' => 0, 'cloudflux.kafka_timeout' => '3s',
	'cloudflux.kafka_transaction_timeout' => '5s', 'cloudflux.migration_workers' => 0);
my $c = cluster('first', %setting);
$c->sql("SELECT count(*) FROM cloudflux.create_topics(ARRAY['mine'])");
ok($c->poll("SELECT bool_and(state = 'present') FROM cloudflux.topic_requests"), 'topics are made');

sub emit { my ($of, @subjects) = @_; $of->sql("SELECT cloudflux.emit_events('mine', 'test.at', ARRAY['$_'], NULL)") foreach @subjects }
sub sent { my ($of) = @_; return $of->poll('SELECT count(*) = 0 FROM cloudflux.unpublished_events()', 60) }
sub subjects { return join ' ', map { $_->{key} } $kafka->consume('mine') }
sub is_state
{
	my ($of, $want, $like, $title) = @_;
	ok($of->poll("SELECT state = '$want' AND COALESCE(detail, '') ~ '$like' FROM cloudflux.event_positions WHERE reader = 'kafka'", 60), $title)
	  or diag($of->sql("SELECT state, detail FROM cloudflux.event_positions WHERE reader = 'kafka'"), $of->log_tail);
}

# caught_up waits until a standby has replayed all that the first one wrote.
sub caught_up
{
	my ($standby) = @_;
	my $lsn = $c->value('SELECT pg_current_wal_flush_lsn()');
	ok($standby->poll("SELECT pg_last_wal_replay_lsn() >= '$lsn'"), 'the standby has caught up');
}

emit($c, qw(a b));
ok(sent($c), 'events are published');

# A backup from before, that starts later
my $old = $c->standby('old');
ok($old->poll('SELECT pg_is_in_recovery()'), 'a standby follows');
is($old->value("SELECT count(*) FROM cloudflux.event_lag WHERE reader = 'kafka'") > 0, 1, 'where the lag can be seen');
caught_up($old);
$old->stop('immediate');

# A standby that is promoted while the publisher of the first one sleeps in the middle of a transaction
my $second = $c->standby('second');
# (A standby may pass over 32 ids when it is promoted.)
$c->sql(q{SELECT max(nextval('cloudflux.events_id_seq')) FROM generate_series(1, 100)});
emit($c, 'c');
ok(sent($c), 'more events are published');
$c->set('cloudflux.fault' => 'events_sending:1:stop');
my $zombie = $c->value("SELECT pid FROM cloudflux.workers WHERE worker = 'publisher'");
emit($c, 'd');
await { $c->_slurp("/proc/$zombie/stat") =~ /^\d+ \(.*\) T/ } 30, 'the first publisher stops while it sends';
caught_up($second);
$second->sql('SELECT pg_promote()');
ok(sent($second), 'the promoted server publishes what the first one had in hand') or diag($second->log_tail);
is_state($second, 'publishing', '', 'it goes on, on its new timeline');
emit($second, 'e');
ok(sent($second), 'with events of its own');
is(subjects(), 'a b c d e', 'each event is there once');
kill 'CONT', $zombie;
is_state($c, 'stopped', 'timeline 2', 'who wakes up finds that another timeline has gone on, and stops');
is(subjects(), 'a b c d e', 'having written nothing');
emit($second, 'f');
ok(sent($second), 'the promoted one takes the transactional id back');
is(subjects(), 'a b c d e f', 'and nothing is lost or doubled');
is($c->value("SELECT status FROM cloudflux.health() WHERE component = 'kafka'"), 'failed', 'health() of the first one tells');
$c->stop;

# The backup wakes up where the others have long gone on
$old->start;
$old->sql('SELECT pg_promote()');
emit($old, 'lost');
is_state($old, 'stopped', 'timeline|lies beyond', 'a backup from before the position refuses to go on');
emit($old, 'x');
is(subjects(), 'a b c d e f', 'it writes nothing');
$old->sql("SELECT cloudflux.rebase_events('now')");
is_state($old, 'publishing', '', 'until somebody says that it may');
emit($old, 'y');
ok(sent($old), 'then it publishes');
is(subjects(), 'a b c d e f y', 'what was written from then on');
my @ids = sort { $a <=> $b } map { $_->{headers}{event_id} } $kafka->consume('mine');
is($old->value("SELECT id FROM cloudflux.events WHERE subject = 'y'"), $ids[-1], 'under ids that nobody had before');
cmp_ok($ids[-1], '>', $ids[-2], 'each of them once');
$old->stop;
$second->stop;

# A dump in a new cluster
$second->start;
my $new = cluster('new', { extension => 0 }, %setting);
my ($dump, $err) = ('', '');
IPC::Run::run([ $second->bin . '/pg_dump', '-h', $second->socket, '-U', 'postgres', 'postgres' ], '>', \$dump, '2>', \$err) or die $err;
$new->sql("SET row_security = off;\n$dump");
$new->restart;
is_state($new, 'stopped', 'restored from a dump', 'a database that was restored from a dump asks first');
$new->sql("SELECT cloudflux.rebase_events('mirror')");
emit($new, 'n1');
ok(sent($new), 'and then begins with its own events') or diag($new->log_tail);
is((split / /, subjects())[-1], 'n1', 'those of the dump are not sent again');
my ($sources) = scalar keys %{ { map { /"source":"([^"]+)"/ ? ($1 => 1) : () } $kafka->lines('mine') } };
is($sources, 2, 'they name another source');
$new->stop;

# A recovery to a point in the past
my $archive = $c->place('archive');
my $line = cluster('line', %setting, archive_mode => 'on', archive_command => "cp %p $archive/%f");
emit($line, 'p');
ok(sent($line), 'another database publishes');
my $past = $line->standby('past', primary_conninfo => '', restore_command => "cp $archive/%f %p", recovery_target_name => 'lunch', recovery_target_action => 'promote');
$past->stop('immediate');
emit($line, 'q');
ok(sent($line), 'before the point');
$line->sql("SELECT pg_create_restore_point('lunch')");
emit($line, qw(r s));
ok(sent($line), 'and after it');
my $segment = $line->value('SELECT pg_walfile_name(pg_switch_wal())');
ok($line->poll("SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver"), 'its log is archived');
$line->stop;
unlink $past->data . '/standby.signal' or die $!;
open my $signal, '>', $past->data . '/recovery.signal' or die $!;
close $signal;
$past->start;
ok($past->poll('SELECT NOT pg_is_in_recovery()', 60), 'it is recovered up to the point') or diag($past->log_tail);
is($past->value("SELECT string_agg(subject, ' ' ORDER BY id) FROM cloudflux.events WHERE topic = 'mine'"), 'p q', 'and no further');
emit($past, 't');
is_state($past, 'stopped', 'timeline|lies beyond', 'a database that was taken back in time asks first');
like(subjects(), qr/ p q r s$/, 'it writes nothing');
$past->sql("SELECT cloudflux.rebase_events('now')");
emit($past, 'u');
ok(sent($past), 'then it publishes') or diag($past->log_tail);
like(subjects(), qr/ p q r s u$/, 'what was written from then on');
my %uses;
$uses{ $_->{headers}{event_id} }++ foreach grep { $_->{key} =~ /^[p-u]$/ } $kafka->consume('mine');
is(join(' ', grep { $uses{$_} > 1 } sort keys %uses), '', 'under ids that nobody had before');
done_testing;
