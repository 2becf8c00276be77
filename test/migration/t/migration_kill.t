# No object is lost, doubled or damaged, and no job or event either, however often the server is killed: at every named
# fault point and at random moments, while 1 GiB moves back and forth (test build). What is done stands in KillLoop.pm.
#
# With synchronous_commit off a crash takes the last commits with it: what must not be lost before bytes appear or go has
# to be forced out by the mover itself.
use CloudFlux::Test;
use CloudFlux::KillLoop;

CloudFlux::KillLoop->new(flavour => 'test', cycles => $ENV{CF_LONG} ? 500 : 40, setting => { synchronous_commit => 'off', wal_writer_delay => '10s' })->run;
done_testing;
