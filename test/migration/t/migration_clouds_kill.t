# No object is lost, doubled or damaged between real servers, however often ours is killed: at every named fault point that
# a remote move passes and at random moments. What is done stands in CloudLoop.pm; four pairs of places, all sixteen in
# make check-long.
#
# With synchronous_commit off a crash takes the last commits with it: what must not be lost before bytes appear or go has to
# be forced out by the mover itself.
use CloudFlux::Test;
use CloudFlux::CloudLoop;

my @places = qw(local s3 azure gcs);
CloudFlux::CloudLoop->new(flavour => 'test', cycles => $ENV{CF_LONG} ? 200 : 16, places => [ @places, $ENV{CF_LONG} ? map { "${_}_two" } @places : () ],
	scatter => $ENV{CF_LONG}, setting => { synchronous_commit => 'off', wal_writer_delay => '10s', 'cloudflux.migration_part_size' => '8MB' })->run;
done_testing;
