# Listeners hear of every committed event once, in one NOTIFY per batch; nothing is skipped by a late committer.
use CloudFlux::Test;
use JSON::PP;

my $c = cluster('notify');
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.workers WHERE worker = 'keeper' AND state = 'idle'"), 'a keeper runs');
my $listener = $c->session;
$listener->query('LISTEN cloudflux_events');
my @heard;

# heard polls the listener until it heard of so many events, and gives the payloads since the last call.
sub heard
{
	my ($want) = @_;
	my $until = time + 30;
	my @new;
	my $sum = 0;
	while ($sum < $want && time < $until)
	{
		my $said = $listener->query('SELECT 1');
		while ($said =~ /Asynchronous notification "cloudflux_events" with payload "(.*)" received/g)
		{
			push @new, decode_json($1);
			$sum += $new[-1]{count};
		}
		select undef, undef, undef, 0.05;
	}
	push @heard, @new;
	return @new;
}

$c->sql("SELECT cloudflux.emit_events('analytics', 'test.happened', ARRAY['a', 'b'], NULL), cloudflux.emit_events('alerts', 'test.happened', ARRAY['c'], NULL)");
my @n = heard(3);
is(scalar @n, 1, 'one NOTIFY tells of all events of a transaction');
is_deeply($n[0], { first_id => 1, last_id => 3, count => 3, topics => [ 'alerts', 'analytics' ] }, 'its payload is JSON');

$c->sql("BEGIN;\nSELECT cloudflux.emit_events('analytics', 'test.undone', ARRAY['x'], NULL);\nROLLBACK");

# T1 takes the smaller xid and id, T2 commits first: neither may be told alone and then forgotten.
my $t1 = $c->session;
$t1->query("BEGIN; SELECT cloudflux.emit_events('analytics', 'test.early', ARRAY['t1'], NULL)");
$c->sql("SELECT cloudflux.emit_events('analytics', 'test.late', ARRAY['t2'], NULL)");
ok($c->poll('SELECT untold_events = 1 AND held_back_by = ' . $t1->pid . ' FROM cloudflux.event_lag'), 'event_lag names the process that holds events back');
is($c->value("SELECT status FROM cloudflux.health() WHERE component = 'events'"), 'ok', 'a young transaction is not worth an alarm');
$t1->query('COMMIT');
@n = heard(2);
is(scalar(map { ($_->{count}) } @n) && eval { my $s = 0; $s += $_->{count} foreach @n; $s }, 2, 'both are told when the older transaction is over');
ok($c->poll('SELECT untold_events = 0 FROM cloudflux.event_lag'), 'none is left');

# A prepared transaction sets no latch at its end.
$c->restart(max_prepared_transactions => 5);
$listener = $c->session;
$listener->query('LISTEN cloudflux_events');
$c->sql("BEGIN;\nSELECT cloudflux.emit_events('analytics', 'test.prepared', ARRAY['p'], NULL);\nPREPARE TRANSACTION 'p'");
$c->sql("COMMIT PREPARED 'p'");
@n = heard(1);
is($n[0]{count}, 1, 'the event of a prepared transaction is told too');

# Many writers at once: every event exactly once.
my $before = $c->value('SELECT events FROM cloudflux.event_positions WHERE reader = \'notify\'');
my @writers = map { $c->session } 1 .. 4;
my $begin = time;
$writers[$_]->send("DO \$\$ BEGIN FOR i IN 1 .. 100 LOOP PERFORM cloudflux.emit_events('analytics', 'test.many', ARRAY['w$_'], NULL); COMMIT; END LOOP; END \$\$") foreach 0 .. 3;
$_->finish foreach @writers;
@n = heard(400);
my $sum = 0;
$sum += $_->{count} foreach @n;
is($sum, 400, 'of four writers at once every event is told once');
# (Each is told at least 250 ms after the one before; time() is of whole seconds.)
cmp_ok(scalar @n, '<=', 4 * (time - $begin + 1) + 2, 'collected: the keeper is not woken by each of their commits');
is($c->value("SELECT events - $before FROM cloudflux.event_positions WHERE reader = 'notify'"), 400, 'the position counts them');

# A transaction that begins and commits while the keeper is looking is of our history too.
@writers = map { $c->session } 0 .. 4;
$writers[$_]->send("DO \$\$ BEGIN FOR i IN 1 .. 500 LOOP PERFORM cloudflux.emit_events('analytics', 'test.busy', ARRAY['w$_'], NULL); COMMIT; END LOOP; END \$\$") foreach 0 .. 3;
$writers[4]->send('DO $$ BEGIN FOR i IN 1 .. 500 LOOP PERFORM cloudflux.notify_events(); COMMIT; END LOOP; END $$');
$_->finish foreach @writers;
is($c->value("SELECT count(*) FROM cloudflux.events WHERE xid = '2'"), 0, 'no event is taken for one of another cluster');
ok($c->poll('SELECT untold_events = 0 FROM cloudflux.event_lag'), 'and all of them are told');
heard(2000);

# Another cluster's history: told neither twice nor never again.
$c->sql("INSERT INTO cloudflux.events (xid, topic, event_type, subject) VALUES ('900000000000', 'analytics', 'test.restored', 'r')");
ok($c->poll("SELECT xid = '2' FROM cloudflux.events WHERE subject = 'r'"), 'a row from beyond our history is marked as told');
$c->sql("UPDATE cloudflux.event_positions SET system_identifier = 'another', last_xmin = '900000000000' WHERE reader = 'notify'");
$c->sql("SELECT cloudflux.emit_events('analytics', 'test.rebase', ARRAY['y'], NULL)");
ok($c->poll("SELECT system_identifier = (cloudflux.wal_identity()).system_identifier FROM cloudflux.event_positions WHERE reader = 'notify'"), 'a position of another cluster is rebased by itself');
$c->sql("SELECT cloudflux.emit_events('analytics', 'test.after', ARRAY['z'], NULL)");
@n = heard(1);
cmp_ok(scalar @n, '>=', 1, 'and telling goes on');
done_testing();
