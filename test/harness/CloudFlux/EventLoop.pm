# CloudFlux::EventLoop: clients write events while publisher, broker and postmaster die again and again.
#
#	CloudFlux::EventLoop->new(events => 50_000, publisher => 10, broker => 2, postmaster => 3, pause => 2)->run;
#
# Eight clients change rows and emit events in transactions of 0 to 2 s: some are rolled back, some have savepoints that are, and a
# ninth prepares its transactions and ends them later. Each change counts up a version of its row, under the row's lock, and its event
# tells it: so the versions of one key tell the order of commits. Meanwhile
#	publisher	is killed, at a random moment or at a named fault point (test builds; the postmaster restarts all processes)
#	broker		is killed and started again; with brokers => 3 one of them, and who leads a partition changes each time
#	postmaster	and all its children are killed, and it recovers
#	pause		publisher or broker sleep (SIGSTOP), for longer than a transaction may take
# At the end kcat, which knows nothing of cloudflux, reads what a read_committed consumer sees: every committed event is there, once,
# and the versions of every key are 1, 2, 3, …
#
# CF_SEED repeats a run as far as the scheduler allows; CF_EVENTS sets how many events are written, CF_SECONDS after what time nothing
# more is killed (for those who work on this file).
package CloudFlux::EventLoop;
use CloudFlux::Kafka;
use CloudFlux::KafkaNodes;
use CloudFlux::Test;
use POSIX ();
use Time::HiRes qw(time sleep);

my $CLIENTS = 8;

sub new
{
	my ($class, %how) = @_;
	my $seed = ($ENV{CF_SEED} // time ^ $$ << 8) & 0x7fffffff;
	srand $seed;
	diag("seed $seed (CF_SEED repeats it)");
	return bless { partitions => 3, reached => {}, %how, events => $ENV{CF_EVENTS} // $how{events} }, $class;
}

# fault_points lists those of the publisher.
sub fault_points
{
	my %found;
	foreach my $path (glob(CloudFlux::Test::Cluster->top . '/src/events/*.c'))
	{
		my $text = CloudFlux::Test::Cluster->_slurp($path);
		$found{$1} = 1 while $text =~ /\b(?:TRIP|CF_FAULT)\("(events_\w+)"/g;
	}
	return sort keys %found;
}

sub run
{
	my ($self) = @_;
	$self->set_up;
	$self->start_clients;
	my $begin = time;
	foreach my $end ($self->schedule)
	{
		sleep 0.3 + rand 1.5;
		$end->();
		$self->{ends}++;
		$self->end_prepared;
		last if $ENV{CF_SECONDS} && time - $begin > $ENV{CF_SECONDS};
	}
	my $c = $self->{c};
	my $until = time + 600;
	$self->end_prepared until $c->poll("SELECT count(*) >= $self->{events} FROM cloudflux.events", 1) || time > $until;
	$self->stop_clients;
	diag(sprintf '%d ends in %.0f s', $self->{ends}, time - $begin);
	my @points = fault_points();
	is_deeply([ grep { !$self->{reached}{$_} } @points ], [], 'the publisher died at every fault point') if $self->{publisher} >= @points && !$ENV{CF_SECONDS};
	$self->verify;
}

sub set_up
{
	my ($self) = @_;
	my $kafka = $self->{kafka} = $self->{brokers} ? CloudFlux::KafkaNodes->new($self->{brokers}) : broker();
	my $c = $self->{c} = cluster('exactly_once', max_prepared_transactions => 20, synchronous_commit => 'off', wal_writer_delay => '10s',
		log_checkpoints => 'off', fsync => 'off', 'cloudflux.kafka_brokers' => $kafka->{endpoint}, 'cloudflux.kafka_transaction_timeout' => '10s',
		'cloudflux.kafka_timeout' => '3s', 'cloudflux.migration_workers' => 0, 'cloudflux.kafka_linger' => '20ms', 'cloudflux.kafka_batch' => $self->{batch} // 500);
	$c->sql("SELECT count(*) FROM cloudflux.create_topics(ARRAY['analytics'], $self->{partitions}, " . ($self->{brokers} // 1) . ')');
	ok($c->poll("SELECT bool_and(state = 'present') FROM cloudflux.topic_requests"), 'topics are made') or diag($c->log_tail);
	$c->sql(<<'SQL');
		CREATE TABLE keys (key text PRIMARY KEY, version int NOT NULL DEFAULT 0) WITH (fillfactor = 50);
		INSERT INTO keys SELECT 'k' || i FROM generate_series(1, 200) i;
		-- One change: the version and its event, or neither.
		CREATE FUNCTION change(p_keys text[]) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			v_key text;
			v_version int;
		BEGIN
			FOREACH v_key IN ARRAY p_keys LOOP
				UPDATE keys SET version = version + 1 WHERE key = v_key RETURNING version INTO v_version;
				PERFORM cloudflux.emit_events('analytics', 'test.version', ARRAY[v_key], ARRAY[jsonb_build_object('version', v_version)]);
			END LOOP;
		END $$;
		-- In order, or two clients would wait for each other.
		CREATE FUNCTION some_keys(p_most int) RETURNS text[] LANGUAGE sql VOLATILE
		RETURN (SELECT array_agg(k ORDER BY k) FROM (SELECT DISTINCT 'k' || 1 + floor(random() * 200)::int AS k FROM generate_series(1, 1 + floor(random() * p_most)::int)) k);
		CREATE PROCEDURE work(p_transactions int) LANGUAGE plpgsql AS $$
		BEGIN
			FOR i IN 1 .. p_transactions LOOP
				-- A transaction id early, work later: the order of ids is not the order of changes.
				IF random() < 0.3 THEN
					PERFORM pg_current_xact_id(), pg_sleep(random() * 0.05);
				END IF;
				BEGIN
					PERFORM change(some_keys(8));
					IF random() < 0.1 THEN
						RAISE EXCEPTION 'back to the savepoint';
					END IF;
				EXCEPTION WHEN raise_exception THEN NULL;
				END;
				IF random() < 0.01 THEN
					PERFORM pg_sleep(random() * 2);
				END IF;
				IF random() < 0.1 THEN
					ROLLBACK;
				ELSE
					COMMIT;
				END IF;
			END LOOP;
		END $$;
SQL
}

# start_clients makes each a shell that begins again when its server comes back.
sub start_clients
{
	my ($self) = @_;
	my $c = $self->{c};
	my $stop = $self->{stop} = "$self->{kafka}{dir}/stop";
	my $psql = join ' ', map { "'$_'" } $c->_psql_command;
	my $prepare = q{SELECT 'p' || pg_backend_pid() || '_' || (random() * 1e9)::bigint AS g \gset
		BEGIN; SELECT change(some_keys(3)); SELECT pg_sleep(random() * 0.1); PREPARE TRANSACTION :'g'; SELECT pg_sleep(random() * 0.3);
		SELECT random() < 0.8 AS good \gset
		\if :good
		COMMIT PREPARED :'g';
		\else
		ROLLBACK PREPARED :'g';
		\endif
	};
	foreach my $client (0 .. $CLIENTS)
	{
		my $sql = $client == $CLIENTS ? $prepare : 'CALL work(100);';
		my $pid = fork // die "fork: $!";
		if ($pid == 0)
		{
			open STDIN, '<', '/dev/null';
			open STDOUT, '>', '/dev/null';
			open STDERR, '>', '/dev/null';
			exec 'sh', '-c', "while [ ! -e $stop ]; do printf '%s\\n' \"\$1\" | $psql -v ON_ERROR_STOP=1 || sleep 0.1; done", 'sh', $sql;
			exit 127;
		}
		push @{ $self->{clients} }, $pid;
	}
}

# end_prepared ends the prepared transactions whose clients have died: they hold locks.
sub end_prepared
{
	my ($self, $age) = @_;
	my $c = $self->{c};
	my ($code, $gids) = $c->psql("SELECT gid FROM pg_prepared_xacts WHERE prepared < now() - interval '" . ($age // 3) . " seconds'");
	foreach my $gid (split /\n/, $gids) { $c->psql((rand() < 0.8 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'") }
}

sub stop_clients
{
	my ($self) = @_;
	open my $out, '>', $self->{stop} or die $!;
	close $out;
	my @left = @{ $self->{clients} };
	my $until = time + 120;
	while ((@left = grep { waitpid($_, POSIX::WNOHANG()) == 0 } @left) && time < $until)
	{
		sleep 0.1;
		$self->end_prepared;
	}
	ok(!@left, 'all clients come to their ends') or $self->tell_of(@left);
	kill 'KILL', map { ($_, $self->{c}->_children($_)) } @left;
	$self->end_prepared(0);
}

# tell_of says what clients that have not ended wait for.
sub tell_of
{
	my ($self, @clients) = @_;
	my $c = $self->{c};
	diag("client $_: " . join ', ', map { ($c->_slurp("/proc/$_/cmdline") =~ tr/\0/ /r) . ' in ' . $c->_slurp("/proc/$_/wchan") } $c->_children($_)) foreach @clients;
	diag(join "\n", map { ($c->psql($_))[1] } 'SELECT gid, prepared, now() FROM pg_prepared_xacts',
		"SELECT pid, backend_type, state, wait_event, pg_blocking_pids(pid), now() - xact_start, query FROM pg_stat_activity WHERE backend_type NOT IN ('walwriter', 'checkpointer', 'background writer')",
		'SELECT pid, locktype, relation::regclass, transactionid, mode, granted FROM pg_locks WHERE NOT granted');
	diag($c->log_tail);
}

# schedule mixes the ends, so that they meet each other.
sub schedule
{
	my ($self) = @_;
	my @points = fault_points();
	my @ends = ((map { my $point = $points[$_]; defined $point ? sub { $self->kill_at($point) } : sub { $self->kill_publisher } } 0 .. $self->{publisher} - 1),
		(map { sub { $self->kill_broker } } 1 .. $self->{broker}), (map { sub { $self->kill_postmaster } } 1 .. $self->{postmaster}),
		map { my $whom = $_ % 2; sub { $self->pause($whom) } } 1 .. $self->{pause});
	for (my $i = $#ends; $i > 0; $i--) { my $j = int rand($i + 1); @ends[ $i, $j ] = @ends[ $j, $i ] }
	return @ends;
}

sub publisher_pid
{
	my ($self) = @_;
	my $c = $self->{c};
	my $postmaster = $c->postmaster_pid // return undef;
	return (grep { $c->_slurp("/proc/$_/cmdline") =~ /cloudflux publisher/ } $c->_children($postmaster))[0];
}

# wait_for_publisher waits until there is one; after a restart it takes a moment.
sub wait_for_publisher
{
	my ($self) = @_;
	my $until = time + 30;
	my $pid;
	sleep 0.05 until ($pid = $self->publisher_pid) || time > $until;
	return $pid;
}

sub kill_publisher
{
	my ($self) = @_;
	my $pid = $self->wait_for_publisher or return ok(0, 'a publisher runs');
	sleep rand 1;
	kill 'KILL', $pid;
	$self->wait_for_server;
}

# kill_at has it killed when it comes to a point for the n-th time; where something else ended it before, once more.
sub kill_at
{
	my ($self, $point) = @_;
	my $c = $self->{c};
	foreach my $at (1 + int rand 5, 1, 1)
	{
		my $pid = $self->wait_for_publisher or return ok(0, 'a publisher runs');
		my $log = $c->log_size;
		$self->arm("$point:$at:kill");
		my $until = time + 20;
		my $patience = time + 4;
		while (-d "/proc/$pid" && $c->_slurp("/proc/$pid/stat") !~ /^\d+ \(.*\) [ZX]/ && time < $until)
		{
			sleep 0.02;
			next if time < $patience;
			# Nothing is sent while everybody waits for somebody who has died.
			$self->end_prepared;
			$patience = time + 1;
		}
		# The next one would come to it, too, and the server would never rest.
		$self->arm('');
		$self->wait_for_server;
		last if $c->log_since($log) =~ /"cloudflux publisher" \(PID $pid\) was terminated by signal 9/ && ++$self->{reached}{$point};
	}
}

# arm changes the configuration; the postmaster hands it on to whom it starts.
sub arm
{
	my ($self, $fault) = @_;
	my $c = $self->{c};
	open my $out, '>>', $c->data . '/cloudflux.conf' or die $!;
	print $out "cloudflux.fault = '$fault'\n";
	close $out;
	kill 'HUP', $c->postmaster_pid;
}

sub wait_for_server
{
	my ($self) = @_;
	$self->{c}->poll("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cloudflux publisher'", 60) or ok(0, 'the server comes back');
}

sub kill_broker
{
	my ($self) = @_;
	$self->{kafka}->kill9;
	sleep rand 2;
	$self->{kafka}->start;
}

sub kill_postmaster
{
	my ($self) = @_;
	$self->{c}->kill9;
	$self->{c}->start;
}

# pause lets one of them sleep for longer than the 10 s that a transaction may take: what it wakes up with is of no worth any more.
sub pause
{
	my ($self, $publisher) = @_;
	my $pid = $publisher ? $self->wait_for_publisher : $self->{kafka}->pid or return ok(0, 'a publisher runs');
	kill 'STOP', $pid;
	sleep 11 + rand 2;
	kill 'CONT', $pid;
}

# verify holds Kafka against the table.
sub verify
{
	my ($self) = @_;
	my ($c, $kafka) = @$self{qw(c kafka)};
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.unpublished_events()', 120), 'all events are published')
	  or diag($c->sql("SELECT state, detail, published, opened FROM cloudflux.event_positions WHERE reader = 'kafka'") . $c->log_tail);
	my %want = map { split /\|/, $_, 2 } split /\n/, $c->sql("SELECT id, subject || ' ' || (data->>'version') FROM cloudflux.events WHERE event_type = 'test.version'");
	my (%got, %versions, @wrong);
	my @all = $kafka->lines('analytics');
	foreach (@all)
	{
		my ($id) = /"id":"(\d+)"/;
		my ($key) = /"subject":"(\w+)"/;
		my ($version) = /"data":\{"version": (\d+)\}/;
		push @wrong, "event $id was never committed" unless ($want{$id} // '') eq "$key $version";
		push @wrong, "event $id came twice" if $got{$id}++;
		push @wrong, "$key: version $version follows " . ($versions{$key} // 0) if $version != ++$versions{$key};
		last if @wrong > 20;
	}
	push @wrong, map { "event $_ ($want{$_}) is missing" } (sort { $a <=> $b } grep { !$got{$_} } keys %want)[ 0 .. 9 ] if keys %got < keys %want;
	is_deeply(\@wrong, [], 'a read_committed consumer sees every committed event once, and those of a key in the order of commits');
	cmp_ok(scalar @all, '>=', $self->{events} * 0.9, 'as many as were to be written: ' . scalar @all);
	is($c->value('SELECT string_agg(key || version, \',\' ORDER BY key COLLATE "C") FROM keys WHERE version > 0'),
		join(',', map { "$_$versions{$_}" } sort keys %versions), 'up to the last version of every key');
	my $aborted = () = $kafka->lines('analytics', 'read_uncommitted');
	diag($aborted - @all . ' messages of aborted transactions are there, too, which a read_committed consumer does not see');
	is($c->value("SELECT events FROM cloudflux.event_positions WHERE reader = 'kafka'"), scalar @all, 'the position counts them');
}

1;
