# No object is lost, doubled or damaged, and no job or event either, however often the server is killed: at every named
# fault point and at random moments, while 1 GiB moves back and forth (test build). What is done stands in KillLoop.pm.
use CloudFlux::Test;
use CloudFlux::KillLoop;

CloudFlux::KillLoop->new(flavour => 'test', cycles => $ENV{CF_LONG} ? 500 : 30)->run;
done_testing;
